/**
 * The lexer of the package yaml, made to read what the YAML library of Go reads: the lines of quoted
 * text and of flow collections may be indented less than their key. Replaces private methods of the
 * package; the tests of `YamlSource` fail when another version has others.
 */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call,
   @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return
   -- the package declares its private members without types */
import { Lexer } from "yaml";

export function createLenientLexer(): Lexer {
  const lexer = new Lexer();
  for (const name of ["parseQuotedScalar", "parseFlowCollection"] as const) {
    const parse = lexer[name].bind(lexer);
    lexer[name] = function* () {
      // With no indentation of the surrounding block to compare with, every line continues.
      const indentNext = lexer["indentNext"];
      lexer["indentNext"] = 0;
      const next = yield* parse();
      lexer["indentNext"] = indentNext;
      return next;
    };
  }
  return lexer;
}
