/** Secrets of every test edge. */
export const TEST_SECRETS = {
  OPERATOR_SECRET: "operator-secret-of-the-tests",
  KEY_TAG_SECRET: "key-tag-secret-of-the-tests",
  GRANT_SECRET: "grant-secret-of-the-tests",
  STRIPE_WEBHOOK_SECRET: "whsec_of_the_tests",
} as const;
