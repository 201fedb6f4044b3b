/**
 * What a text may follow: a prompt, or the messages of a conversation.
 *
 * Owns: both fields as a client sends them, and as they go on. Does not own: what else is in a body.
 */
import { z } from "zod";
import { MAX_PROMPT_CHARACTERS } from "./limits.ts";
import type { ChatMessage } from "./node-wire.ts";
import { refused, withCode } from "./openai-fields.ts";

const contentPartFields = {
  type: z
    .string()
    .refine((type) => type === "text", withCode("unsupported_parameter", "only text is supported")),
  text: z.string(),
};

const ROLES = ["system", "developer", "user", "assistant"] as const;

const messageFields = {
  role: z
    .string()
    .refine(
      (role) => role !== "tool" && role !== "function",
      withCode("unsupported_parameter", "tools are not supported"),
    )
    .pipe(z.enum(ROLES)),
};

/** Messages of a native endpoint: a field that is not known is refused. */
export const messagesSchema: z.ZodType<ChatMessage[]> = limitMessages(
  z
    .strictObject({
      ...messageFields,
      content: z.union([z.string(), z.array(z.strictObject(contentPartFields))]),
    })
    .transform(toChatMessage),
);

/** OpenAI's: what they may hold beside is left out, and what asks for more than text is refused. */
export const openAiMessagesSchema: z.ZodType<ChatMessage[]> = limitMessages(
  z
    .object({
      ...messageFields,
      content: z.union([z.string(), z.array(z.object(contentPartFields))]),
      name: refused(),
      // What an earlier answer carries when a client sends it back.
      refusal: refused(),
      annotations: refused(),
      audio: refused(),
      tool_calls: refused(),
      function_call: refused(),
    })
    .transform(toChatMessage),
);

/** A text that is continued, or stands before a template. */
export const promptSchema: z.ZodString = z
  .string()
  .refine((prompt) => prompt.trim() !== "", withCode("empty_prompt", "the prompt is empty"))
  .refine(
    (prompt) => prompt.length <= MAX_PROMPT_CHARACTERS,
    withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
  );

function limitMessages(schema: z.ZodType<ChatMessage>): z.ZodType<ChatMessage[]> {
  return z
    .array(schema)
    .max(1_000)
    .refine((messages) => messages.length > 0, withCode("empty_prompt", "there is no message"))
    .refine(
      (messages) => messages.every(isSaid),
      withCode("empty_prompt", "a message has no content"),
    )
    .refine(
      (messages) => countCharacters(messages) <= MAX_PROMPT_CHARACTERS,
      withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
    );
}

function toChatMessage(message: {
  role: (typeof ROLES)[number];
  content: string | { text: string }[];
}): ChatMessage {
  const { role, content } = message;
  return {
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  };
}

/** An assistant may have said nothing; whoever asks must ask something. */
function isSaid({ role, content }: ChatMessage): boolean {
  return role === "assistant" || content.trim() !== "";
}

function countCharacters(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}
