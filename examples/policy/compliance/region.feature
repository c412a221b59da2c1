Feature: Where buckets lie

  Scenario: no bucket lies in the legacy region
    Given I have acrcloud_bucket defined
    Then it must contain region
    And its value must not match the "^global$" regex
