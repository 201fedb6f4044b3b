import { ApiError } from "#shared/contracts/errors.ts";
import { type Command, requireFlag } from "./command.ts";
import { PlainText } from "./plain-text.ts";

type Commands = Readonly<Record<string, Command>>;

const SHELLS: Readonly<Record<string, (commands: Commands) => string>> = {
  bash: writeBash,
  zsh: (commands) => `autoload -U +X bashcompinit && bashcompinit\n${writeBash(commands)}`,
  fish: writeFish,
};

/**
 * `unmask completion`: what a shell needs to complete commands and their flags.
 *
 * @param listCommands All of them, this one too: told when it runs, since the table holds this command.
 */
export function createCompletionCommand(listCommands: () => Commands): Command {
  return {
    usage: "completion bash|zsh|fish",
    summary: "Writes a shell's completion: unmask completion bash >> ~/.bashrc",
    examples: [
      "completion bash >> ~/.bashrc",
      "completion fish > ~/.config/fish/completions/unmask.fish",
    ],
    flags: { shell: "required" },
    positionalFlag: "shell",
    async run(flags) {
      const shell = requireFlag(flags, "shell");
      const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
      if (write === undefined) {
        const names = Object.keys(SHELLS).join(", ");
        throw new ApiError("invalid_parameter", `There is completion for ${names}.`, {
          param: "shell",
        });
      }
      return new PlainText(write(listCommands()));
    },
  };
}

function flagsOf(command: Command): string[] {
  return Object.keys(command.flags).filter((flag) => flag !== command.positionalFlag);
}

function writeBash(commands: Commands): string {
  const cases = Object.entries(commands).map(([name, command]) => {
    const words = flagsOf(command).map((flag) => `--${flag}`);
    return `    ${name}) words="${words.join(" ")}" ;;`;
  });
  return `_unmask() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="${Object.keys(commands).join(" ")}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _unmask unmask`;
}

function writeFish(commands: Commands): string {
  const names = Object.keys(commands);
  const lines = Object.entries(commands).flatMap(([name, command]) => [
    `complete -c unmask -n "not __fish_seen_subcommand_from ${names.join(" ")}" -a ${name}`,
    ...flagsOf(command).map(
      (flag) => `complete -c unmask -n "__fish_seen_subcommand_from ${name}" -l ${flag}`,
    ),
  ]);
  return lines.join("\n");
}
