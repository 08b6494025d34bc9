export type Shell = 'bash' | 'zsh' | 'fish'

/**
 * Completion script of each shell. Tab runs `outlast __complete` with the words before the cursor;
 * the last one is incomplete. The program prints a line for each candidate: the word, a tab, and a
 * description.
 */
export const scripts: Record<Shell, string> = {
  bash: `_outlast() {
  local -a words
  local line="\${COMP_LINE:0:COMP_POINT}" found
  read -ra words <<< "$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  COMPREPLY=()
  while IFS=$'\\t' read -r found _; do
    COMPREPLY+=("$found")
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _outlast outlast
`,
  zsh: `#compdef outlast
_outlast() {
  local -a found
  local value about
  while IFS=$'\\t' read -r value about; do
    found+=("\${value//:/\\\\:}\${about:+:$about}")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then
    _describe 'outlast' found
  else
    _files
  fi
}
compdef _outlast outlast
`,
  fish: `function __outlast_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c outlast -f -a '(__outlast_complete)'
complete -c outlast -n 'test -z "$(__outlast_complete)"' -F
`,
}
