/** The embedded PostgreSQL cannot be used. The message is one sentence for the operator. */
export class EmbeddedError extends Error {
  override name = 'EmbeddedError'
}

const noRoom =
  /No space left on device|Disk quota exceeded|File too large|File size limit exceeded|wrote only \d+ of/

const noRoomFor = (dataDir: string) =>
  `There is no room left on the disk of DATA_DIR ${dataDir}: free some and start again, nothing was damaged.`

/** Turns an error of the file system into a sentence that names DATA_DIR. */
export function inWords(error: unknown, dataDir: string): EmbeddedError {
  if (error instanceof EmbeddedError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  return new EmbeddedError(dataDirSentence(code, message, dataDir), { cause: error })
}

function dataDirSentence(code: string, message: string, dataDir: string) {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `DATA_DIR ${dataDir} cannot be written by this user (${code}): set another DATA_DIR, or start as the user that owns it.`
    case 'ENOTDIR':
    case 'EEXIST':
      return `DATA_DIR ${dataDir} is not a directory: set another DATA_DIR.`
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return noRoomFor(dataDir)
    default:
      return `DATA_DIR ${dataDir} cannot be used: ${message}`
  }
}

/** Turns the output of a failed initdb or postgres into one sentence. */
export function outputInWords(program: string, output: string, dataDir: string): EmbeddedError {
  if (noRoom.test(output)) return new EmbeddedError(noRoomFor(dataDir))
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const said = lines.find((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1)
  const reason = said?.replace(/^.*?(FATAL|PANIC|error):\s*/, '') ?? 'it printed nothing'
  return new EmbeddedError(
    `The embedded PostgreSQL of DATA_DIR ${dataDir} cannot run: ${program} reported "${reason}".`,
  )
}
