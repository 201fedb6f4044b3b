/** What the package exports. */
export type {
  ApiKey,
  ApiKeyList,
  CreatedApiKey,
  CreateKeyRequest,
  LedgerEntry,
  LedgerPage,
  UpdateKeyRequest,
  UsageReport,
} from "./account-types.ts";
export type {
  ApiErrorBody,
  CanvasResize,
  CommittedPosition,
  FilledHole,
  Generation,
  GenerationEvent,
  GenerationRequest,
  InfillAnswer,
  InfillRequest,
  Message,
  Model,
  PinnedText,
  PricedTier,
  Quote,
  ResponseFormat,
  SamplingFields,
  ScoreAnswer,
  ScoreRequest,
  StartedEvent,
  StepEvent,
  TemplatePart,
  Tier,
  Usage,
} from "./api-types.ts";
export { Canvas, type CanvasPosition } from "./canvas.ts";
export { type Frame, GenerationStream } from "./generation-stream.ts";
export { parseTemplate } from "./template-text.ts";
export { type CallOptions, Unmask, type UnmaskOptions } from "./unmask.ts";
export { type ClientErrorCode, UnmaskError } from "./unmask-error.ts";
