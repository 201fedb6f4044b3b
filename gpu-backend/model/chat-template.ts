/**
 * Lays a conversation out as the model was trained to read it.
 *
 * Owns: which template a checkpoint has, and rendering it so that contents stay plain text.
 * Does not own: what roles a conversation may have (shared/contracts).
 */

import { Template } from "@huggingface/jinja";
import { ApiError } from "#shared/contracts/errors.ts";
import { BEGIN_OF_TEXT, type Tokenizer } from "./tokenizer.ts";
import { readOptional, type TokenizerConfigFile } from "./tokenizer-files.ts";

/** One turn; the content is the user's, character for character. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** Turns conversations into the ids of a prompt. */
export interface ChatTemplate {
  /**
   * Encodes a conversation.
   *
   * @param addGenerationPrompt True to end with the header of the assistant's turn, so that what
   *   follows is the answer.
   * @throws {ApiError} `invalid_parameter`, `param` `messages`, if the template refuses the conversation.
   */
  encode(messages: readonly ChatMessage[], addGenerationPrompt: boolean): number[];
}

/** LLaDA's own, for checkpoints that carry none. */
const LLADA_TEMPLATE =
  "{% for message in messages %}" +
  "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'" +
  " + message['content'] | trim + '<|eot_id|>' %}" +
  "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}" +
  "{{ content }}{% endfor %}" +
  "{% if add_generation_prompt %}" +
  "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/**
 * Loads the chat template of a checkpoint: `chat_template.jinja`, else `tokenizer_config.json`'s, else
 * LLaDA's.
 *
 * @throws {ApiError} `checkpoint_corrupt` if the template cannot be parsed.
 */
export async function loadChatTemplate(
  directory: string,
  tokenizer: Tokenizer,
): Promise<ChatTemplate> {
  const { configFile } = tokenizer;
  const source =
    (await readOptional(directory, "chat_template.jinja")) ?? chooseTemplate(configFile);
  const template = parseTemplate(source);
  const context = {
    bos_token: configFile.bos_token ?? (tokenizer.specialIds.bos === null ? "" : BEGIN_OF_TEXT),
    eos_token: configFile.eos_token ?? "",
    pad_token: configFile.pad_token ?? "",
    mask_token: configFile.mask_token ?? "",
  };
  return {
    encode(messages, addGenerationPrompt) {
      const shielded = messages.map((message) => ({
        role: tokenizer.shieldUserText(message.role),
        content: tokenizer.shieldUserText(message.content),
      }));
      const text = render(template, {
        ...context,
        messages: shielded,
        add_generation_prompt: addGenerationPrompt,
      });
      return tokenizer.encodeShielded(text);
    },
  };
}

function chooseTemplate(configFile: TokenizerConfigFile): string {
  const found = configFile.chat_template ?? LLADA_TEMPLATE;
  if (typeof found === "string") {
    return found;
  }
  return found.find((entry) => entry.name === "default")?.template ?? LLADA_TEMPLATE;
}

function parseTemplate(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new ApiError("checkpoint_corrupt", "The chat template cannot be parsed.", {
      param: "chat_template",
      cause,
    });
  }
}

function render(template: Template, context: Record<string, unknown>): string {
  try {
    return template.render(context);
  } catch (cause) {
    throw new ApiError("invalid_parameter", "The model's chat template refuses the messages.", {
      param: "messages",
      cause,
    });
  }
}
