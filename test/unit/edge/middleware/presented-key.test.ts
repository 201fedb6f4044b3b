import { describe, it } from "vitest";
import { readPresentedKey } from "../../../../edge/middleware/presented-key.ts";

const url = "https://api.example/v1/models";
const read = (headers: Record<string, string>, address = url) =>
  readPresentedKey(new Headers(headers), address);

describe("a presented key", () => {
  it("is the bearer token, else x-api-key", ({ expect }) => {
    expect(read({ authorization: "Bearer one" })).toBe("one");
    expect(read({ authorization: "bearer  one " })).toBe("one");
    expect(read({ "x-api-key": "two" })).toBe("two");
    expect(read({ authorization: "Bearer one", "x-api-key": "two" })).toBe("one");
    expect(read({ authorization: "Basic abc", "x-api-key": "two" })).toBe("two");
  });

  it.for([{}, { authorization: "Bearer " }, { authorization: "Basic abc" }, { "x-api-key": " " }])(
    "is missed in %j",
    async (headers, { expect }) => {
      expect(() => read(headers as Record<string, string>)).toThrowError(
        expect.objectContaining({ code: "missing_api_key" }),
      );
    },
  );

  it.for(["?api_key=x", "?API_KEY=x", "?access_token=x", "?q=unm_live_abc", "?unm_test_abc=1"])(
    "is refused in the address %s, whatever the headers hold",
    async (query, { expect }) => {
      expect(() => read({ authorization: "Bearer one" }, url + query)).toThrowError(
        expect.objectContaining({ code: "invalid_api_key" }),
      );
    },
  );
});
