/**
 * The name under which a person knows a process.
 *
 * `comm` is the name of the main thread, at most 15 bytes. Interpreters and some programs make it
 * useless: every program of Node.js 24 has the `comm` "MainThread", every program in Java "java".
 * The command line (/proc/<pid>/cmdline) tells more, but its arguments may contain secrets. Only
 * the last part of the path of the program and of its script, jar or module is used.
 */

import { textOfBytes } from "./byte-text.js";

/** Longest comm in bytes (TASK_COMM_LEN without the NUL at the end). */
const MAX_COMM_BYTES = 15;
/** Longest part of a name, in characters. */
const MAX_PART_LENGTH = 64;
/** Arguments that are searched for a script. */
const MAX_ARGUMENTS = 2000;

/** How the command line of an interpreter is read. */
interface Interpreter {
  /** Basename of the program. */
  readonly program: RegExp;
  /** Options whose value is the next argument. */
  readonly withValue: RegExp;
  /** Options after which the code itself follows: there is no script. */
  readonly withCode?: RegExp;
  /** Options whose value, joined or in the next argument, names the script, jar or module. */
  readonly naming?: RegExp;
  /** Sub-commands and files of options in front of the script. */
  readonly verbs?: RegExp;
  /** True when `withValue` is complete, so other options have no value. */
  readonly isComplete?: boolean;
}

const oneOf = (options: string): RegExp => new RegExp(`^(${options.replaceAll(" ", "|")})$`);

const INTERPRETERS: readonly Interpreter[] = [
  {
    program: /^(i|micro)?(python|pypy)[\d.]*(t|d|td|-dbg|-c)?$/,
    withValue: oneOf("-W -X --check-hash-based-pycs"),
    // Letters can be joined; c and m end them, W and X take the rest.
    withCode: /^-[abd-ln-zA-VYZ]*c/,
    naming: /^-[abd-ln-zA-VYZ]*m(.*)$/,
    isComplete: true,
  },
  {
    program: /^(node|nodejs)[\d.]*$/,
    withValue: oneOf(
      "-r --require --import --loader --experimental-loader -C --conditions --input-type --title --icu-data-dir --openssl-config --env-file --inspect-port --watch-path --diagnostic-dir --redirect-warnings --trace-event-categories --unhandled-rejections",
    ),
    withCode: /^(-e|-p|-pe|--eval|--print|--run)(=|$)/,
  },
  {
    program: /^javaw?$/,
    withValue: oneOf(
      "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-opens --add-exports --add-reads --limit-modules --enable-native-access --source",
    ),
    naming: /^(?:-jar|-m|--module)(?:=(.*))?$/,
    verbs: /^@./,
    isComplete: true,
  },
  {
    program: /^dotnet$/,
    withValue: oneOf(
      "--depsfile --runtimeconfig --additionalprobingpath --additional-deps --fx-version --roll-forward",
    ),
    verbs: /^exec$/,
  },
  {
    program: /^(ba|da|z|k|mk|a|c|tc|fi)?sh$/,
    withValue: /^([-+][a-zA-Z]*[oO]|--rcfile|--init-file)$/,
    withCode: /^-[a-zA-Z]*c[a-zA-Z]*$/,
  },
  { program: /^perl[\d.]*$/, withValue: oneOf("-I"), withCode: /^-(?![IMmx])[\w.]*[eE]/ },
  {
    program: /^(ruby|jruby|truffleruby)[\d.]*$/,
    withValue: oneOf("-I -r -C -E -W --encoding"),
    withCode: /^-(?![rK])[a-z]*e/,
  },
  {
    program: /^php[\d.]*(-cgi)?$/,
    withValue: oneOf("-c -d -S -t -z --define --php-ini"),
    withCode: /^(-r|--run|-B|-R|-E)$/,
    naming: /^(?:-f|-F|--file=?)(.*)$/,
  },
  { program: /^(lua|luajit)[\d.]*$/, withValue: oneOf("-l"), withCode: /^-e/ },
  { program: /^(tclsh|wish|expect|guile|gjs)[\d.]*$/, withValue: oneOf("-l"), withCode: /^-[ce]$/ },
  {
    program: /^R(script)?$/,
    withValue: oneOf("-g --gui"),
    withCode: /^-e$/,
    naming: /^(?:-f|--file=)(.*)$/,
  },
  {
    program: /^julia$/,
    withValue: oneOf("-p -t -L -J -C -H --procs --threads --load --sysimage"),
    withCode: /^(-[eE]|--eval|--print)(=|$)/,
  },
  {
    program: /^(deno|bun|tsx|ts-node)$/,
    withValue: oneOf("-c --config --cwd --env-file --preload -r"),
    withCode: /^(-e|-p|--eval|--print|eval)$/,
    verbs: /^(run|serve|test|task|x)$/,
  },
  { program: /^octave(-cli|-gui)?[\d.]*$/, withValue: oneOf("-p --path"), withCode: /^--eval/ },
  { program: /^electron[\d.]*$/, withValue: oneOf("-r --require"), withCode: /^(-e|-i|--eval)$/ },
  // Programs that are many: the first argument says which one.
  { program: /^(busybox|toybox)$/, withValue: /^-/, withCode: /^-/ },
  // Emulators and the loader of programs: the first argument is the program.
  { program: /^(box(64|86)|FEX(Interpreter)?)$/, withValue: oneOf("-k"), isComplete: true },
  {
    program: /^qemu-\w+-static$/,
    withValue: oneOf("-L -cpu -E -U -0 -s -B -R -g -d -D -p -plugin -r"),
    isComplete: true,
  },
  {
    program: /^ld(-linux|-musl)?[\w-]*\.so[.\d]*$/,
    withValue: oneOf(
      "--library-path --preload --audit --argv0 --inhibit-rpath --glibc-hwcaps-prepend --glibc-hwcaps-mask",
    ),
    isComplete: true,
  },
  { program: /^mono(-sgen)?$/, withValue: oneOf("--config"), withCode: /^-e$/ },
  {
    program: /^pwsh$/,
    withValue: oneOf("-ExecutionPolicy -WorkingDirectory -ConfigurationName"),
    withCode: /^-(c|Command|EncodedCommand|ec?)$/i,
    naming: /^-(?:f|File)$/i,
  },
];

/** A word that looks like the name of a program, and not like that of a thread. */
const PROGRAM_LIKE = /^[a-z0-9][a-z0-9._+-]*$/;
const THREAD_NAMES: ReadonlySet<string> = new Set(["main", "main-thread", "mainthread"]);
/** Names of files below /proc/self, through which a program has started itself or another one. */
const DESCRIPTOR = /^(exe|\d+)$/;

/** True when the command line may give a better name than `comm`. */
export function needsCommandLine(comm: string): boolean {
  return (
    isThreadName(comm) ||
    interpreterOf(comm) !== undefined ||
    Buffer.byteLength(comm) >= MAX_COMM_BYTES
  );
}

/**
 * @param commandLine the text of /proc/<pid>/cmdline; empty for a kernel thread
 * @returns the program and its script where `comm` is the name of a thread or an interpreter, as in
 * `node server.js`; the full name of the program where `comm` is cut; otherwise `comm`
 */
export function programName(comm: string, commandLine: string): string {
  const argv = commandLine.replace(/\0+$/, "").split("\0", MAX_ARGUMENTS);
  const program = programOf(comm, argv);
  if (program === "") return comm;
  const interpreter = interpreterOf(program);
  if (interpreter === undefined) {
    const isUseless = interpreterOf(comm) !== undefined || isThreadName(comm);
    return isUseless || isCutFrom(comm, program) ? program : comm;
  }
  const script = scriptOf(interpreter, argv.slice(1));
  // A script that is started by its own name ("#!") has its own comm.
  if (script !== "" && isCutFrom(comm, script)) return script;
  if (interpreterOf(comm) === undefined && !isThreadName(comm) && !isCutFrom(comm, program)) {
    return comm;
  }
  return script === "" ? program : `${program} ${script}`;
}

function isThreadName(comm: string): boolean {
  return !PROGRAM_LIKE.test(comm) || THREAD_NAMES.has(comm) || DESCRIPTOR.test(comm);
}

function interpreterOf(program: string): Interpreter | undefined {
  return INTERPRETERS.find((interpreter) => interpreter.program.test(program));
}

/** True when `comm` is the beginning of `name` that fits into a comm. */
function isCutFrom(comm: string, name: string): boolean {
  return comm !== "" && comm === textOfBytes(Buffer.from(name).subarray(0, MAX_COMM_BYTES));
}

/**
 * A single argument with spaces is a title that the process has given itself, such as `gunicorn:
 * worker [shop]`. Its first word names the program. Only a path may be the name of a program with
 * spaces.
 */
function programOf(comm: string, argv: readonly string[]): string {
  const [path = ""] = argv;
  const whole = lastPart(path).replace(/^-/, ""); // "-bash" is a login shell.
  const isTitle = argv.length === 1 && /\s/.test(path);
  const isPath = /^(\/|[A-Za-z]:\\)/.test(path);
  if (!isTitle || whole === comm || (isPath && isCutFrom(comm, whole))) return whole;
  return lastPart(path.split(/\s/, 1)[0] ?? "").replace(/:$/, "");
}

function scriptOf(interpreter: Interpreter, args: readonly string[]): string {
  const { withValue, withCode, naming, verbs, isComplete = false } = interpreter;
  let isAfterUnknown = false;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    const next = args[index + 1] ?? "";
    if (argument === "--") return lastPart(next);
    if (withCode?.test(argument) === true) return "";
    const named = naming?.exec(argument);
    if (named) return lastPart(named[1] || next);
    if (withValue.test(argument)) {
      index++;
    } else if (/^[-+]./.test(argument)) {
      isAfterUnknown = !isComplete && argument.startsWith("--") && !argument.includes("=");
    } else if (verbs?.test(argument) !== true) {
      // After an option that is not known here, the argument may be its value, and a secret.
      const script = lastPart(argument);
      return isAfterUnknown && !/\.\w{1,5}$/.test(script) ? "" : script;
    }
  }
  return "";
}

/** The part after the last slash, or backslash of a path of Windows, without what follows the path of a URL; empty for "." and "-". */
function lastPart(path: string): string {
  const [withoutQuery = ""] = path.split(/[?#]/, 1);
  const separator = /^[A-Za-z]:\\/.test(path) ? "\\" : "/";
  const last = withoutQuery.replace(/\/+$/, "").split(separator).at(-1) ?? "";
  return /^(\.{1,2}|-)$/.test(last) ? "" : last.slice(0, MAX_PART_LENGTH);
}
