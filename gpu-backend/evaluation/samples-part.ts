/** Unselected answers for the model card: what a visitor types first, and holes in stories. */

import { decodeByTier } from "./decodings.ts";
import type { EvaluationPart } from "./part.ts";
import { runItems } from "./run-items.ts";
import { storyHoles, type TaskItem } from "./tasks.ts";

const REQUESTS = [
  "Hello",
  "What are you?",
  "What can you do?",
  "Tell me a story.",
  "Tell me a story about a cat named Tom.",
  "Tell me a story about a dragon.",
  "Write a short story about a little girl and her dog.",
  "Write a story about a brave fish.",
  "A story about a red ball, please.",
  "Continue the story: Once upon a time there was a bear who loved honey. One day the honey was gone.",
  "Lily has 12 apples. Tom gives Lily 7 more apples. How many apples does Lily have now?",
  "Ben had 45 coins. He gave 18 coins to Mia. How many coins does Ben have left?",
  "A toy costs $6. Anna buys 4 toys and pays with $50. How much change does Anna get?",
  "What is 2+2?",
  "What is 17 + 25?",
  "What is 7 times 8?",
  "What is the capital of France?",
  "Write a poem about the sea.",
  "床前明月光的下一句是什么？直接输出句子即可。",
  "疑是地上霜的上一句是什么？直接输出句子即可。",
] as const;
const ANSWER_LENGTH = 96;
const INFILLING_EXAMPLES = 20;
const QUICK_EXAMPLES = 3;

/** An infilled story, for people. */
export interface InfillingExample {
  readonly before: string;
  readonly filled: string;
  readonly after: string;
  /** What the story had there. */
  readonly original: string;
}

/** `samples`. */
export const samplesPart: EvaluationPart = {
  name: "samples",
  weight: 2,
  async run({ model, corpus, isQuick, report }) {
    const quality = decodeByTier("quality");
    report.plan(2);
    const asked = REQUESTS.slice(0, isQuick ? QUICK_EXAMPLES : REQUESTS.length);
    const items = asked.map(
      (content): TaskItem => ({
        input: { kind: "chat", content },
        generationLength: ANSWER_LENGTH,
        score: () => Number.NaN,
      }),
    );
    const answers = await runItems(model, quality, items, (done) =>
      report.progress(done, items.length, "requests"),
    );
    const samples = asked.map((request, i) => ({
      request,
      answer: answers[i]?.outcome.text ?? "",
    }));
    report.keep("samples", samples);
    if (corpus === null) return report.skip("infilling examples", "needs --data CORPUS");
    const holes = storyHoles(model, corpus.stories).slice(
      0,
      isQuick ? QUICK_EXAMPLES : INFILLING_EXAMPLES,
    );
    const filled = await runItems(model, quality, holes, (done) =>
      report.progress(done, holes.length, "holes"),
    );
    const examples = holes.map(({ input, hidden }, i): InfillingExample => {
      const decode = (ids: readonly number[]) => model.tokenizer.decode(ids);
      const parts = input.kind === "template" ? input.parts : [];
      const [before, , after] = parts.map((part) =>
        typeof part === "object" && "tokenIds" in part ? decode(part.tokenIds) : "",
      );
      return {
        before: before ?? "",
        filled: filled[i]?.outcome.holes[0] ?? "",
        after: after ?? "",
        original: decode(hidden),
      };
    });
    report.keep("infilling", examples);
  },
};
