/**
 * Updates the catalogue of the providers' models: `npm run catalogue`, from models.dev, or from
 * another address or a file in its format with `-- --from <address or file>`. `--to <file>` writes
 * to another file. `--prune` removes models that the source no longer lists; without it they stay,
 * as some users still have access to them.
 * Contract: an unreadable or invalid source changes nothing; prints the cause in one line and exits
 * with 1.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { Compile } from 'typebox/compile'
import {
  type Catalogue,
  CatalogueModel,
  type CatalogueVendor,
  vendors,
} from '../apps/server/src/providers/catalogue/form.ts'

type Models = Record<string, CatalogueModel>

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const bundled = path.join(root, 'apps/server/catalogue/models.json')
const modelsDev = 'https://models.dev/api.json'
const answerMs = 30_000
const bytesMax = 64 * 1024 * 1024
const modelsMax = 5_000

const isAddress = (from: string) => /^https?:\/\//.test(from)

async function textOf(from: string): Promise<string> {
  if (!isAddress(from)) return readFile(from, 'utf8')
  const response = await fetch(from, { signal: AbortSignal.timeout(answerMs) })
  if (!response.ok || !response.body) throw new Error(`the response was ${response.status}`)
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body) {
    bytes += part.length
    if (bytes > bytesMax) throw new Error(`the response is longer than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

const form = Compile(CatalogueModel)

/**
 * A provider's models of a source: only those that return text, with the fields that the server
 * uses.
 */
function modelsOf(source: unknown, vendor: CatalogueVendor): Models {
  const listed = (source as Partial<Record<CatalogueVendor, { models?: unknown }>>)?.[vendor]
    ?.models
  if (typeof listed !== 'object' || listed === null)
    throw new Error(`it has no models of ${vendor}`)
  const entries = Object.entries(listed)
  if (entries.length > modelsMax) throw new Error(`it has ${entries.length} models of ${vendor}`)
  for (const [id, model] of entries) {
    if (form.Check(model)) continue
    const [problem] = form.Errors(model)
    throw new Error(`${vendor}/${id} ${problem?.instancePath ?? ''} ${problem?.message}`)
  }
  const usable = (entries as [string, CatalogueModel][]).filter(([, model]) => answersInText(model))
  if (usable.length === 0) throw new Error(`it has no usable models of ${vendor}`)
  return Object.fromEntries(usable.map(([id, model]) => [id, usedOf(model)]))
}

/** Embedding models list text as output too, at a price of 0. */
const answersInText = ({ modalities: { output }, limit, cost }: CatalogueModel) =>
  output.length === 1 && output[0] === 'text' && limit.context > 0 && cost?.output !== 0

/** Contract: fields have a fixed order, so that files can be compared line by line. */
function usedOf(model: CatalogueModel): CatalogueModel {
  const { id, name, family, attachment, reasoning, temperature, tool_call } = model
  const { structured_output, open_weights, knowledge, release_date, last_updated, cost } = model
  const options = model.reasoning_options?.filter(({ values }) => values)
  const { context, input, output } = model.limit
  const defined = {
    ...{ id, name, family, attachment, reasoning },
    reasoning_options: options?.map(({ type, values }) => ({ type, values })),
    ...{ temperature, tool_call, structured_output, open_weights },
    ...{ knowledge, release_date, last_updated },
    cost: cost && {
      ...pricesOf(cost),
      tiers: cost.tiers?.map(({ tier: { type, size }, ...prices }) => ({
        ...pricesOf(prices),
        tier: { type, size },
      })),
      context_over_200k:
        cost.tiers || !cost.context_over_200k ? undefined : pricesOf(cost.context_over_200k),
    },
    limit: { context, input, output },
    modalities: { input: model.modalities.input, output: model.modalities.output },
  }
  return JSON.parse(JSON.stringify(defined))
}

type Prices = { input: number; output: number; cache_read?: number; cache_write?: number }
const pricesOf = ({ input, output, cache_read, cache_write }: Prices) => ({
  ...{ input, output, cache_read, cache_write },
})

/** One model a line, by id. */
function fileOf({ date, source, providers }: Catalogue): string {
  const blocks = vendors.map((vendor) => {
    const models = Object.entries(providers[vendor].models)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, model]) => `${JSON.stringify(id)}: ${JSON.stringify(model)}`)
    return `"${vendor}": {"models": {\n${models.join(',\n')}\n}}`
  })
  const head = `"date": ${JSON.stringify(date)},\n"source": ${JSON.stringify(source)}`
  return `{\n${head},\n"providers": {\n${blocks.join(',\n')}\n}\n}\n`
}

/** Merges two lists, and reports new, changed and missing models. */
function merge(old: Models, listed: Models, prune: boolean) {
  const gone = Object.keys(old).filter((id) => !listed[id])
  const lines = [
    ...Object.keys(listed)
      .filter((id) => !old[id])
      .map((id) => `  added ${id}`),
    ...Object.keys(listed).flatMap((id) => changes(id, old[id], listed[id]!)),
    ...gone.map((id) => `  ${prune ? 'removed' : 'no longer listed, kept'} ${id}`),
  ]
  const kept = prune ? [] : gone.map((id) => [id, old[id]!] as const)
  return { models: { ...Object.fromEntries(kept), ...listed }, lines }
}

function changes(id: string, before: CatalogueModel | undefined, after: CatalogueModel): string[] {
  if (!before) return []
  const fields = Object.keys({ ...before, ...after }) as (keyof CatalogueModel)[]
  const changed = fields.filter((field) => !isDeepStrictEqual(before[field], after[field]))
  return changed.length === 0 ? [] : [`  changed ${id}: ${changed.join(', ')}`]
}

/** The current file; undefined if absent. */
async function readCatalogue(file: string): Promise<Catalogue | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Catalogue)
}

type Options = { from: string; to: string; prune: boolean }

async function refresh({ from, to, prune }: Options): Promise<string[]> {
  const source: unknown = JSON.parse(await textOf(from))
  const before = await readCatalogue(to)
  const merged = vendors.map((vendor) => {
    const old = before?.providers[vendor].models ?? {}
    return [vendor, merge(old, modelsOf(source, vendor), prune)] as const
  })
  const providers = Object.fromEntries(merged.map(([vendor, { models }]) => [vendor, { models }]))
  const date = new Date().toISOString().slice(0, 10)
  const made = { date, source: isAddress(from) ? from : path.basename(from), providers }
  // A server that starts meanwhile reads the old file or the new one.
  await writeFile(`${to}.new`, fileOf(made as Catalogue))
  await rename(`${to}.new`, to)
  return merged.flatMap(([vendor, { models, lines }]) => [
    `${vendor}: ${Object.keys(models).length} models`,
    ...lines,
  ])
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: modelsDev },
    to: { type: 'string', default: bundled },
    prune: { type: 'boolean', default: false },
  },
})
try {
  console.log((await refresh(values)).join('\n'))
} catch (error) {
  const { message, cause } = error as Error
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message
  console.error(`The catalogue is unchanged: ${values.from} cannot be used: ${why}.`)
  process.exitCode = 1
}
