// Byte-level byte pair encoding, equal to that of `tokenizers`: any text to ids.

// As in lmviz/tokenization/_byte_level.py. JavaScript's \s is not Unicode's white space.
const WORD = new RegExp(["'(?:s|t|re|ve|m|ll|d)", " ?\\p{L}+", " ?\\p{N}+",
  " ?[^\\p{White_Space}\\p{L}\\p{N}]+", "\\p{White_Space}+(?!\\P{White_Space})", "\\p{White_Space}+"].join("|"), "gu");

const escaped = (text) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");

// A tokenizer from what lmviz/views/_byte_pairs.py packs: `encode` gives the id and the bytes
// of each token, `token` those of an id, `missing` the first character that has no tokens.
export const tokenizer = ({ bytes, first, merges, special, digits }) => {
  // Tokens are spelled in characters of one byte each; the arrow is none of these.
  const alphabet = new Map(bytes.map(([letter, byte]) => [letter, String.fromCharCode(byte)]));
  const spell = (token) => Array.from(token, (letter) => alphabet.get(letter)).join("");
  const ids = new Map(bytes.map(([, byte, id]) => [String.fromCharCode(byte), id]));
  const ranks = new Map();
  merges.forEach((merge, rank) => {
    const [left, right] = merge.split(" ").map(spell);
    ranks.set(`${left}→${right}`, rank);
    ids.set(left + right, first + rank);
  });
  const rank = (left, right) => ranks.get(`${left}→${right}`) ?? Infinity;
  const names = Object.keys(special).sort((a, b) => b.length - a.length);
  const cut = names.length && new RegExp(`(${names.map(escaped).join("|")})`, "u");
  const coder = new TextEncoder();
  const cache = new Map();

  const merge = (word) => {
    if (cache.has(word)) return cache.get(word);
    // A byte that the vocabulary lacks is left out.
    let parts = Array.from(coder.encode(word), (byte) => String.fromCharCode(byte)).filter((part) => ids.has(part));
    while (parts.length > 1) {
      let [least, pair] = [Infinity];
      for (let i = 0; i < parts.length - 1; i++) {
        const here = rank(parts[i], parts[i + 1]);
        if (here < least) [least, pair] = [here, [parts[i], parts[i + 1]]];
      }
      if (least === Infinity) break;
      const merged = [];
      for (let i = 0; i < parts.length; i++) {
        const hit = parts[i] === pair[0] && parts[i + 1] === pair[1];
        merged.push(hit ? parts[i] + parts[++i] : parts[i]);
      }
      parts = merged;
    }
    const found = parts.map((part) => ({ id: ids.get(part), bytes: Array.from(part, (c) => c.charCodeAt(0)) }));
    cache.set(word, found);
    return found;
  };

  const encode = (text) => (cut ? text.split(cut) : [text]).flatMap((part) => {
    if (Object.hasOwn(special, part)) return [{ id: special[part], bytes: [...coder.encode(part)], name: part }];
    const pieces = digits ? part.split(/(\p{N})/u) : [part];
    return pieces.flatMap((piece) => piece.match(WORD) ?? []).flatMap(merge);
  });

  const spellings = new Map(Array.from(ids, ([spelling, id]) => [id, spelling]));
  const specials = new Map(Object.entries(special).map(([name, id]) => [id, { id, bytes: [...coder.encode(name)], name }]));
  const token = (id) => specials.get(id) ?? { id, bytes: Array.from(spellings.get(id), (c) => c.charCodeAt(0)) };
  const missing = (text) => Array.from(text).find((c) =>
    coder.encode(c).some((byte) => !ids.has(String.fromCharCode(byte))));
  return { encode, token, missing };
};

// Bytes as text, spaces as ␣, or in hexadecimal if they are no whole characters.
export const hex = (bytes) => bytes.map((b) => b.toString(16).toUpperCase().padStart(2, "0")).join(" ");
export const readable = ({ bytes, name }) => {
  if (name) return name;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
    return text.replaceAll(" ", "␣");
  } catch {
    return `⟨${hex(bytes)}⟩`;
  }
};
