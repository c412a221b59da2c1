# acrsync in a container. Run it as yourself, so that it can write to your folder and what it writes is yours:
#   docker build -t acrsync .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/repo" -e ACRSYNC_TOKEN acrsync plan
# Without --user it is nobody (65532): that is enough for what only reads a folder that everybody may read.
# What goes in is pinned: the base by its digest, every Python package by its hash. Only git, which keeps runs in a
# repository (--runs git:origin), is the newest of the base's distribution, with its security fixes.
FROM python:3.13-slim@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91 AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 SOURCE_DATE_EPOCH=1577836800
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/acrsync \
 && pip --python /opt/acrsync/bin/python install --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY acrsync acrsync
COPY schemas schemas
RUN pip --python /opt/acrsync/bin/python install --no-deps --no-build-isolation . \
 && find /opt/acrsync -exec touch --no-dereference --date=@$SOURCE_DATE_EPOCH {} +

FROM python:3.13-slim@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91
LABEL org.opencontainers.image.title=acrsync \
      org.opencontainers.image.description="ACRCloud buckets as code: plan and apply a YAML manifest of buckets" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.source=https://github.com/acrsync/acrsync
RUN apt-get update -qq \
 && apt-get install --yes --no-install-recommends -qq git openssh-client ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/log/*
COPY --from=build /opt/acrsync /opt/acrsync
# HOME: a user that --user names has none, and acrsync looks there for the login of the official command line.
ENV PATH=/opt/acrsync/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
WORKDIR /repo
ENTRYPOINT ["acrsync"]
CMD ["--help"]
