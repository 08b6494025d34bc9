/** The file and line from which the function that calls this one was called. */
export function callerOfCaller(): string {
  const [, , , line = ''] = new Error('trace').stack?.split('\n') ?? []
  return /\(?((?:file:\/\/)?\/?[^\s()]+:\d+):\d+\)?$/.exec(line)?.[1] ?? 'unnamed'
}
