export type Shell = 'bash' | 'zsh' | 'fish'

/**
 * What each shell runs when Tab is pressed: it asks the program itself, `__complete` and the words
 * before the cursor, the last of which is being typed. The program answers with a line each: the
 * word, a tab, what it is.
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
