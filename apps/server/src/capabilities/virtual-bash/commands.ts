/** Built-in commands of bash, which every shell has. */
export const builtinNames = [
  ...['alias', 'echo', 'false', 'help', 'history', 'printf', 'pwd', 'time', 'true', 'unalias'],
] as const

/** The programs that a shell may have besides. No Python, JavaScript or databases. */
export const programNames = [
  ...['awk', 'base64', 'basename', 'bash', 'cat', 'chmod', 'clear', 'column', 'comm', 'cp', 'cut'],
  ...['date', 'diff', 'dirname', 'du', 'egrep', 'env', 'expand', 'expr', 'fgrep', 'file', 'find'],
  ...['fold', 'grep', 'gunzip', 'gzip', 'head', 'hostname', 'html-to-markdown', 'join', 'jq', 'ln'],
  ...[
    'ls',
    'md5sum',
    'mkdir',
    'mv',
    'nl',
    'od',
    'paste',
    'printenv',
    'readlink',
    'rev',
    'rg',
    'rm',
  ],
  ...['rmdir', 'sed', 'seq', 'sh', 'sha1sum', 'sha256sum', 'sleep', 'sort', 'split', 'stat'],
  ...['strings', 'tac', 'tail', 'tar', 'tee', 'timeout', 'touch', 'tr', 'tree', 'unexpand', 'uniq'],
  ...['wc', 'which', 'whoami', 'xan', 'xargs', 'yq', 'zcat'],
] as const
