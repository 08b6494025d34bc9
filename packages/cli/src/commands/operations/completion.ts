import { defineCommand, type Noun } from '../../core/command.ts'
import { type Shell, scripts } from '../../core/completion-scripts.ts'

const command = (shell: Shell, place: string) =>
  defineCommand({
    summary: `print the completion script for ${shell}`,
    more: place,
    async run({ out }) {
      await out.write(scripts[shell])
    },
  })

export const completion: Noun = {
  bash: command(
    'bash',
    'To install it, add this line to ~/.bashrc:\n\n  source <(outlast completion bash)',
  ),
  zsh: command(
    'zsh',
    'To install it, add this line to ~/.zshrc, below compinit:\n\n  source <(outlast completion zsh)',
  ),
  fish: command(
    'fish',
    'To install it:\n\n  outlast completion fish > ~/.config/fish/completions/outlast.fish',
  ),
}
