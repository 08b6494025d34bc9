import { StringDecoder } from 'node:string_decoder'
import type { UsageReport } from '@outlast/contract'
import { masked } from '../../../capabilities/catalog/masking.ts'
import type { Node } from '../../../runtime/node.ts'
import { listUserTokens } from '../../../store/access/user-tokens.ts'
import { listBudgetsOfEndUser } from '../../../store/budgets/budgets.ts'
import { listLedgerEntries } from '../../../store/budgets/ledger.ts'
import { readUsage } from '../../../store/budgets/usage-days.ts'
import type { Db } from '../../../store/database.ts'
import type { EndUser } from '../../../store/end-user-deletion.ts'
import {
  type ImageRow,
  imageInfo,
  imagePieces,
  imagesOfEndUser,
} from '../../../store/files/images.ts'
import { listStoredValues } from '../../../store/files/session-storage.ts'
import { sessionsOfEndUser } from '../../../store/sessions/end-user-sessions.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import { lineOf, linesOf } from '../sessions/exports.ts'

/** Version of the line format, not of the server. */
const version = 1
const rowsAtOnce = 1_000

/** Lines of one kind. Returns how many there are. */
type Lines = AsyncGenerator<string, number>

/**
 * Yields the lines of an export. Model calls are left out: they contain the prompts of the agents.
 * Contract: throws when a session or an image is deleted meanwhile: an incomplete export has no
 * last line.
 */
export async function* endUserLines(node: Node, db: Db, of: EndUser): AsyncGenerator<string> {
  const { orgId, user } = of
  yield lineOf({ type: 'end_user', version, user })
  const sessions = yield* sessionsOf(node, db, of)
  const images = yield* imagesOf(db, of)
  const budgets = yield* budgetsOf(db, of)
  const usage = yield* usageLines(db, of)
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  const tokens = await listUserTokens(db, { orgId, user }, all)
  yield tokens.map((token) => lineOf({ type: 'token', token })).join('')
  const counts = { sessions, images, budgets, tokens: tokens.length }
  yield lineOf({ type: 'end_of_user', ...counts, usage })
}

async function* sessionsOf(node: Node, db: Db, of: EndUser): Lines {
  let count = 0
  for await (const batch of sessionsOfEndUser(db, of)) {
    for (const session of batch) {
      yield lineOf({ type: 'session', version, session: masked(node.capabilities, session) })
      yield* sessionLines(db, of.orgId, session.id)
    }
    count += batch.length
  }
  return count
}

async function* sessionLines(db: Db, orgId: string, sessionId: string): AsyncGenerator<string> {
  const upTo = (await findSequence(db, orgId, sessionId)) ?? 0
  const values = await listStoredValues(db, orgId, sessionId)
  yield values.map((value) => lineOf({ type: 'value', value })).join('')
  yield* linesOf(db, { orgId, sessionId, upTo, withBytes: true, exclude: ['llm.generation'] })
}

async function* imagesOf(db: Db, { orgId, user }: EndUser): Lines {
  let count = 0
  for await (const batch of imagesOfEndUser(db, orgId, user)) {
    for (const image of batch) yield* imageLine(db, orgId, image)
    count += batch.length
  }
  return count
}

/** Yields the line of an image in pieces, as large as those that are read. */
async function* imageLine(db: Db, orgId: string, image: ImageRow): AsyncGenerator<string> {
  const head = JSON.stringify({ ...imageInfo(image), encoding: 'base64' }).slice(0, -1)
  yield `{"type":"image","image":${head},"content":"`
  const decoder = new StringDecoder('base64')
  const stored = { orgId, hash: image.hash, sizeBytes: image.size_bytes }
  for await (const piece of imagePieces(db, stored)) yield decoder.write(piece)
  yield `${decoder.end()}"}}\n`
}

async function* budgetsOf(db: Db, { orgId, user }: EndUser): Lines {
  const budgets = await listBudgetsOfEndUser(db, orgId, user)
  for (const budget of budgets) {
    yield lineOf({ type: 'budget', budget })
    yield* ledgerLines(db, orgId, budget.id)
  }
  return budgets.length
}

async function* ledgerLines(db: Db, orgId: string, budgetId: string): AsyncGenerator<string> {
  for (let offset = 0; ; offset += rowsAtOnce) {
    const page = { offset, limit: rowsAtOnce }
    const entries = await listLedgerEntries(db, { orgId, budgetId }, page)
    yield entries.map((entry) => lineOf({ type: 'ledger_entry', ledger_entry: entry })).join('')
    if (entries.length < rowsAtOnce) return
  }
}

type Usage = UsageReport['sum']

/** Yields the usage by day, agent and model, also of deleted sessions. Returns the sum. */
async function* usageLines(db: Db, { orgId, user }: EndUser): AsyncGenerator<string, Usage> {
  const filters = [['user', user]] as const
  const groups = ['day', 'agent', 'model'] as const
  const asked = { from: '0001-01-01', to: '9999-12-31', groups, filters, limit: rowsAtOnce }
  for (let offset = 0; ; offset += rowsAtOnce) {
    const { data, sum } = await readUsage(db, orgId, { ...asked, offset })
    yield data.map((usage) => lineOf({ type: 'usage', usage })).join('')
    if (data.length < rowsAtOnce) return sum
  }
}
