import tseslint from "typescript-eslint";

/**
 * Forbids `x as T` and `x!`: a check, a better type or get-or-throw.ts takes their place. Allowed
 * without a word are `as const`, `as unknown`, and `values[i] as number` on a typed array, where an
 * index that the loop bounds finds a number, and a check would cost time in every hot loop. Any other
 * exception has a disabling comment that says why.
 */
const noTypeAssertion = {
  meta: {
    type: "problem",
    schema: [],
    messages: { assertion: "Check the value or use get-or-throw.ts instead of a type assertion" },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const isTypedArray = (node) =>
      /^(Float|Int|Uint|BigInt|BigUint)\d+(Clamped)?Array|^Buffer/.test(
        services.program.getTypeChecker().typeToString(services.getTypeAtLocation(node)),
      );
    const report = (node) => context.report({ node, messageId: "assertion" });
    return {
      TSNonNullExpression: report,
      TSTypeAssertion: report,
      TSAsExpression(node) {
        const { expression, typeAnnotation } = node;
        if (typeAnnotation.type === "TSUnknownKeyword") return;
        if (typeAnnotation.typeName?.name === "const") return;
        if (
          expression.type === "MemberExpression" &&
          expression.computed &&
          isTypedArray(expression.object)
        )
          return;
        report(node);
      },
    };
  },
};

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "data/"] },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: {
      reportUnusedDisableDirectives: process.env["ASSERTIONS"] === "1" ? "warn" : "off",
    },
    plugins: { house: { rules: { "no-type-assertion": noTypeAssertion } } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      // Implementations of asynchronous interfaces and simulated parts need no await of their own.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/unbound-method": "off",
      "house/no-type-assertion": process.env["ASSERTIONS"] === "1" ? "error" : "off",
      eqeqeq: "error",
      "no-empty": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // node:test returns promises from test() and describe() that its own runner awaits.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "describe", "it", "suite"] },
          ],
        },
      ],
    },
  },
);
