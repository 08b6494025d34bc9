import type { SerializedResult } from '../../capabilities/capability.ts'
import type { Database, Db } from '../../store/database.ts'
import { decide } from '../../store/database-errors.ts'
import { changeFiles, type FileTarget, keepBytes } from '../../store/files/file-changes.ts'
import { writeFile } from '../../store/files/file-tree.ts'
import { notKeptReason } from '../../store/files/not-kept.ts'
import type { Publisher } from '../../store/log/publish.ts'
import { textHash } from '../../store/stored-texts.ts'

/** Directory of outputs that are too long for a model; only the server writes there. */
const outputDirectory = '/_tool_outputs'

type Keeping = {
  db: Db | Database
  bus: Publisher
  target: FileTarget
  callId: string
  /** The text is the beginning of a longer one. */
  whole?: SerializedResult['whole']
  /** The caller can send the result again. Absent: an error of the database does not fail it. */
  canRepeat?: boolean
}

/**
 * Returns a result whole, or its beginning and end with the path of the whole.
 * Contract: the text is JSON of at most `bytesMax` UTF-8 bytes plus a short explanation. Throws
 * errors of the database only with `canRepeat`.
 */
export async function boundedOutput(
  text: string,
  bytesMax: number,
  keeping: Keeping,
): Promise<string> {
  const { whole } = keeping
  if (!whole && text.length * 3 <= bytesMax) return text
  const bytes = Buffer.from(text)
  if (!whole && bytes.length <= bytesMax) return text
  const kept = await keepOutput(bytes, keeping)
  const beginning = firstBytes(bytes, Math.floor((bytesMax * 3) / 8))
  const last = whole ? Buffer.from(whole.end) : bytes
  const end = lastBytes(last, Math.min(Math.floor(bytesMax / 8), last.length))
  const size_bytes = whole?.sizeBytes ?? bytes.length
  return JSON.stringify({ truncated: true, size_bytes, ...kept, beginning, end })
}

/** Truncates an error for the model. */
export function boundedError(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text
  const bytes = Buffer.from(text)
  return bytes.length <= bytesMax ? text : `${firstBytes(bytes, bytesMax)}…`
}

/** Vendors choose call ids: an id that is not a valid file name gets a unique name. */
const nameFor = (callId: string) =>
  /^[\w.-]{1,100}$/.test(callId)
    ? callId
    : `${callId.replace(/[^\w.-]/g, '_').slice(0, 50)}-${textHash(callId).slice(0, 32)}`

type StoredOutput = { full_output: string; full_output_bytes?: number } | { not_kept: string }

async function keepOutput(
  bytes: Buffer,
  { db, bus, target, callId, canRepeat }: Keeping,
): Promise<StoredOutput> {
  const { fileBytesMax } = target.limits
  const path = `${outputDirectory}/${nameFor(callId)}.json`
  const whole = bytes.length <= fileBytesMax
  const kept = whole ? bytes : Buffer.from(firstBytes(bytes, fileBytesMax))
  try {
    const content = await keepBytes(db, target.orgId, { bytes: kept, limits: target.limits })
    const { publish } = await changeFiles(db, target, async ({ tree, load }) => {
      await load([path])
      writeFile(tree, path, content)
    })
    publish(bus)
    return { full_output: path, ...(!whole && { full_output_bytes: kept.length }) }
  } catch (error) {
    const reason = notKeptReason(error)
    if (reason === undefined || (canRepeat && decide(error))) throw error
    return { not_kept: reason }
  }
}

/** True for a byte of UTF-8 that does not begin a character. */
const isWithin = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80

/** Truncates a text between characters. */
function firstBytes(bytes: Buffer, count: number): string {
  let end = count
  while (isWithin(bytes[end])) end -= 1
  return bytes.toString('utf8', 0, end)
}

function lastBytes(bytes: Buffer, count: number): string {
  let start = bytes.length - count
  while (isWithin(bytes[start])) start += 1
  return bytes.toString('utf8', start)
}
