import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entriesPath, parseTilePath, tilePath } from "../../src/tlog/tile.ts";

describe("the paths of tiles", () => {
  it.each([
    [{ level: 0, index: 0, width: 256 }, "tile/0/000"],
    [{ level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"],
    [{ level: 1, index: 0, width: 17 }, "tile/1/000.p/17"],
    [{ level: 0, index: 273, width: 112 }, "tile/0/273.p/112"],
    [{ level: 2, index: 1000, width: 1 }, "tile/2/x001/000.p/1"],
  ])("are those of c2sp.org/tlog-tiles: %o", (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
    expect(entriesPath(tile)).toBe(path.replace(/^tile\/\d/, "tile/entries"));
  });

  it("come back as what they were", () => {
    const tiles = fc.record({
      level: fc.nat(6),
      index: fc.nat(Number.MAX_SAFE_INTEGER),
      width: fc.integer({ min: 1, max: 256 }),
    });
    fc.assert(
      fc.property(tiles, (tile) => {
        expect(parseTilePath(tilePath(tile))).toEqual(tile);
      }),
    );
  });

  it.each([
    "",
    "tile/0/",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/1000",
    "tile/0/x000/000",
    "tile/0/x000/x001/000",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/00/000",
    "tile/7/000",
    "tile/63/000",
    "tile/-1/000",
    "tile/entries/000",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/999",
    "tile/0/000.p/",
    "tile/0/000.p/1/",
    "tile/0/000\n",
    "tile/0/../000",
    "/tile/0/000",
    "tile/0/x999/x999/x999/x999/x999/999",
    "tile/0/٠٠٠",
  ])("are not %j", (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });
});
