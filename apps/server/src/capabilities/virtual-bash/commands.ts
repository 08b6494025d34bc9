/** Every program that the shell may have, besides what bash itself knows. No Python, JavaScript or databases. */
export const commandNames = [
  ...['alias', 'awk', 'base64', 'basename', 'bash', 'cat', 'chmod', 'clear', 'column', 'comm'],
  ...['cp', 'cut', 'date', 'diff', 'dirname', 'du', 'echo', 'egrep', 'env', 'expand', 'expr'],
  ...['false', 'fgrep', 'file', 'find', 'fold', 'grep', 'gunzip', 'gzip', 'head', 'help'],
  ...['history', 'hostname', 'html-to-markdown', 'join', 'jq', 'ln', 'ls', 'md5sum', 'mkdir'],
  ...['mv', 'nl', 'od', 'paste', 'printenv', 'printf', 'pwd', 'readlink', 'rev', 'rg', 'rm'],
  ...['rmdir', 'sed', 'seq', 'sh', 'sha1sum', 'sha256sum', 'sleep', 'sort', 'split', 'stat'],
  ...['strings', 'tac', 'tail', 'tar', 'tee', 'time', 'timeout', 'touch', 'tr', 'tree', 'true'],
  ...['unalias', 'unexpand', 'uniq', 'wc', 'which', 'whoami', 'xan', 'xargs', 'yq', 'zcat'],
] as const
