/** The SDK's own types against the schemas that check requests: a field that one has and the other lacks. */
import { describe, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type {
  apiKeyListSchema,
  apiKeySchema,
  createdApiKeySchema,
  createKeyRequestSchema,
} from "../../../../shared/contracts/accounts.ts";
import type {
  ledgerPageSchema,
  pricedTierSchema,
  quoteSchema,
  usageReportSchema,
} from "../../../../shared/contracts/billing.ts";
import type {
  generationEventSchema,
  generationSchema,
} from "../../../../shared/contracts/generation-events.ts";
import type { generationRequestSchema } from "../../../../shared/contracts/generations.ts";
import type {
  infillAnswerSchema,
  infillRequestSchema,
} from "../../../../shared/contracts/infill.ts";
import type { modelSchema, usageSchema } from "../../../../shared/contracts/openai-answers.ts";
import type { scoreAnswerSchema, scoreRequestSchema } from "../../../../shared/contracts/score.ts";
import type * as account from "../../../../shared/sdk/account-types.ts";
import type * as api from "../../../../shared/sdk/api-types.ts";

describe("what the SDK reads", () => {
  it("is what the API answers, field by field", () => {
    expectTypeOf<api.Generation>().toEqualTypeOf<z.infer<typeof generationSchema>>();
    expectTypeOf<api.GenerationEvent>().toEqualTypeOf<z.infer<typeof generationEventSchema>>();
    expectTypeOf<api.InfillAnswer>().toEqualTypeOf<z.infer<typeof infillAnswerSchema>>();
    expectTypeOf<api.ScoreAnswer>().toEqualTypeOf<z.infer<typeof scoreAnswerSchema>>();
    expectTypeOf<api.Quote>().toEqualTypeOf<z.infer<typeof quoteSchema>>();
    expectTypeOf<api.Model>().toEqualTypeOf<z.infer<typeof modelSchema>>();
    expectTypeOf<api.PricedTier>().toEqualTypeOf<z.infer<typeof pricedTierSchema>>();
    expectTypeOf<api.Usage>().toEqualTypeOf<z.infer<typeof usageSchema>>();
    expectTypeOf<account.UsageReport>().toEqualTypeOf<z.infer<typeof usageReportSchema>>();
    expectTypeOf<account.LedgerPage>().toEqualTypeOf<z.infer<typeof ledgerPageSchema>>();
    expectTypeOf<account.ApiKey>().toEqualTypeOf<z.infer<typeof apiKeySchema>>();
    expectTypeOf<account.ApiKeyList>().toEqualTypeOf<z.infer<typeof apiKeyListSchema>>();
    expectTypeOf<account.CreatedApiKey>().toMatchTypeOf<z.infer<typeof createdApiKeySchema>>();
  });
});

describe("what the SDK sends", () => {
  it("is what the API takes", () => {
    expectTypeOf<Required<api.GenerationRequest>>().toMatchTypeOf<
      z.input<typeof generationRequestSchema>
    >();
    expectTypeOf<Required<api.InfillRequest>>().toMatchTypeOf<
      z.input<typeof infillRequestSchema>
    >();
    expectTypeOf<Required<api.ScoreRequest>>().toMatchTypeOf<z.input<typeof scoreRequestSchema>>();
    expectTypeOf<account.CreateKeyRequest>().toMatchTypeOf<
      z.input<typeof createKeyRequestSchema>
    >();
  });

  it("leaves out no field but those that the SDK sets itself", () => {
    type Missing<Schema extends z.ZodType, Own> = Exclude<keyof z.input<Schema>, keyof Own>;
    expectTypeOf<Missing<typeof generationRequestSchema, api.GenerationRequest>>().toEqualTypeOf<
      "stream" | "background"
    >();
    expectTypeOf<
      Missing<typeof infillRequestSchema, api.InfillRequest>
    >().toEqualTypeOf<"stream">();
    expectTypeOf<Missing<typeof scoreRequestSchema, api.ScoreRequest>>().toBeNever();
    expectTypeOf<Missing<typeof createKeyRequestSchema, account.CreateKeyRequest>>().toBeNever();
  });
});
