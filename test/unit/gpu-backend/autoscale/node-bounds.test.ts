import { describe, it } from "vitest";
import { parseNodeBounds } from "../../../../gpu-backend/autoscale/node-bounds.ts";

describe("bounds of the number of nodes", () => {
  it.for([
    ["1", 1, 1],
    ["64", 64, 64],
    ["0..4", 0, 4],
    ["2..2", 2, 2],
    ["0..1", 0, 1],
  ] as const)("reads %s", ([text, min, max], { expect }) => {
    expect(parseNodeBounds(text)).toEqual({ min, max });
  });

  it.for([
    "",
    "0",
    "0..0",
    "4..2",
    "65",
    "1..65",
    "1..",
    "..4",
    "1.5",
    "-1",
    "two",
    "1..2..3",
    "1e1",
  ])("refuses %j and says what is taken", (text, { expect }) => {
    expect(() => parseNodeBounds(text)).toThrow(
      `--nodes takes a number from 1 to 64, or a range such as 0..4, not ${text}.`,
    );
  });
});
