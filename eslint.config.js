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
      /^(?:(?:Float|Int|Uint|BigInt|BigUint)\d+(?:Clamped)?Array|Buffer)(?:<\w+>)?$/.test(
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

/**
 * Forbids assertions that cannot fail: a function that returns a promise inside `assert.throws` or
 * `assert.doesNotThrow`, and `assert.ok(list.every(...))`, which holds for an empty list as well.
 */
const noVacuousAssertion = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      promise: "Await assert.rejects, or the call itself: a promise does not throw",
      every: "Use assertEvery (test/support/assert-every.ts): an empty list passes here",
    },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const returnsPromise = (node) =>
      services
        .getTypeAtLocation(node)
        .getCallSignatures()
        .some((signature) => signature.getReturnType().getProperty("then") !== undefined);
    const isEvery = (node) =>
      node.type === "LogicalExpression"
        ? isEvery(node.left) || isEvery(node.right)
        : node.type === "CallExpression" && node.callee.property?.name === "every";
    return {
      'CallExpression[callee.object.name="assert"]'({ callee, arguments: [first] }) {
        if (first === undefined) return;
        const { name } = callee.property;
        if (/^(throws|doesNotThrow)$/.test(name) && returnsPromise(first)) {
          context.report({ node: first, messageId: "promise" });
        }
        if (name === "ok" && isEvery(first)) context.report({ node: first, messageId: "every" });
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
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: {
      house: {
        rules: {
          "no-type-assertion": noTypeAssertion,
          "no-vacuous-assertion": noVacuousAssertion,
        },
      },
    },
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
      "house/no-type-assertion": "error",
      eqeqeq: "error",
      "no-empty": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "house/no-vacuous-assertion": "error",
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
