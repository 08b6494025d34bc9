import { type Static, type TObject, type TObjectOptions, type TProperties, Type } from 'typebox'
import type { SessionFiles } from '../../store/files/tool-access.ts'
import { defineTool, type Tool, ToolError } from '../capability.ts'
import { DirectoryPath } from '../directory-path.ts'
import { explainProblems, problemsOf } from '../schemas/validation.ts'

export const strict = { additionalProperties: false }
export const noInput = Type.Object({}, strict)

/** A text with a limit for names. */
export const Line = (description?: string) =>
  Type.String({ minLength: 1, maxLength: 500, ...(description && { description }) })
export const Paragraph = () => Type.String({ minLength: 1, maxLength: 10_000 })

const rowsMax = 1_000
/** Limit of the document in bytes: each change reads and writes it as a whole. */
const bytesMax = 1_048_576
export const Rows = <Row extends TObject>(row: Row) => Type.Array(row, { maxItems: rowsMax })

type DocumentConfig = {
  path?: string
  readonly?: boolean
  seed?: 'default' | 'empty'
  data?: object
}

/** Its inferred type cannot be named in the types of the package. */
const partial = (shape: TObject, options: TObjectOptions): TObject => Type.Partial(shape, options)

/** The config schema of a capability whose state is one JSON document in the session's files. */
export const documentConfig = <Shape extends TObject, More extends TProperties>(
  directory: string,
  shape: Shape,
  more: More,
) =>
  Type.Object(
    {
      path: Type.Optional(DirectoryPath(directory, 'Directory of the document in the session')),
      readonly: Type.Optional(
        Type.Boolean({
          default: false,
          title: 'Read-only',
          description: 'Whether to omit all tools that change data; by default false.',
        }),
      ),
      seed: Type.Optional(
        Type.Enum(['default', 'empty'], {
          type: 'string',
          default: 'default',
          title: 'Initial data',
          description:
            'Initial data of a session: `default` (examples) or `empty`; by default `default`.',
        }),
      ),
      data: Type.Optional(
        partial(shape, {
          additionalProperties: false,
          title: 'Initial lists',
          description: 'Initial lists that replace those of the seed; by default none.',
        }),
      ),
      ...more,
    },
    strict,
  )

/** How a session's config combines with the agent's, for the fields of `documentConfig`. */
export const documentRules = {
  path: 'session',
  readonly: 'true_wins',
  seed: 'session',
  data: 'session',
} as const

type Definition<Input extends TObject, Data, Config> = {
  name: string
  description: string
  input: Input
  /**
   * Runs the tool; may change `data`. Contract: throws ToolError for an invalid change; nothing is
   * stored then.
   */
  run: (input: Static<Input>, data: Data, config: Config) => object
}

type Parts<Data, Config> = {
  directory: string
  file: string
  shape: TObject
  /** The initial document of a session. */
  seeds: Record<'default' | 'empty', (config: Config) => Data>
}

/** Creates tools that work on one JSON document, which is written at the session's first access. */
export function documentTools<Data extends object, Config extends DocumentConfig>({
  directory,
  file,
  shape,
  seeds,
}: Parts<Data, Config>) {
  const pathOf = ({ path = directory }: Config) => `${path}/${file}`

  function seeded(config: Config): Data {
    const { seed = 'default', data } = config
    return { ...seeds[seed](config), ...structuredClone(data) }
  }

  /** Serialized: parallel calls of one reply see each other's changes. */
  async function change<T>(files: SessionFiles, config: Config, work: (data: Data) => T) {
    let result: T | undefined
    await files.edit(pathOf(config), (bytes) => {
      const data = bytes ? parseDocumentData<Data>(bytes, pathOf(config), shape) : seeded(config)
      result = work(data)
      return print(data, pathOf(config))
    })
    return result!
  }

  async function read(files: SessionFiles, config: Config): Promise<Data> {
    const path = pathOf(config)
    if (!(await files.find(path))) return change(files, config, (data) => data)
    return parseDocumentData<Data>((await files.read(path)).bytes, path, shape)
  }

  type Make<Input extends TObject> = Definition<Input, Data, Config>
  return {
    pathOf,
    reads:
      <Input extends TObject>({ run, ...tool }: Make<Input>) =>
      (config: Config): Tool =>
        defineTool({
          ...tool,
          replay: 'safe',
          run: async (input, { files }) => run(input, await read(files, config), config),
        }),
    changes:
      <Input extends TObject>({ run, ...tool }: Make<Input>) =>
      (config: Config): Tool =>
        defineTool({
          ...tool,
          replay: 'until_changed',
          run: (input, { files }) => change(files, config, (data) => run(input, data, config)),
        }),
  }
}

type Offered<Config> = Record<'reading' | 'changing', ((config: Config) => Tool)[]>

/** The tools of a config, in order. */
export const chosenTools = <Config extends DocumentConfig>(
  groups: Offered<Config>[],
  config: Config,
): Tool[] =>
  groups.flatMap(({ reading, changing }) =>
    [...reading, ...(config.readonly ? [] : changing)].map((tool) => tool(config)),
  )

/** The prompt text of a read-only config. */
export const onlyLooking = ({ readonly }: DocumentConfig) =>
  readonly ? ['You can read all data and change none of it.'] : []

function parseDocumentData<Data>(bytes: Buffer, path: string, shape: TObject): Data {
  const data = parseJson(bytes, path)
  const problems = problemsOf(shape, data)
  if (problems.length === 0) return data as Data
  const wrong = explainProblems(problems).replace(/^the input/, 'the document')
  throw new ToolError(`${path} has invalid content: ${wrong}. Correct it or delete it.`)
}

function print(data: object, path: string): string {
  const text = `${JSON.stringify(data, null, 2)}\n`
  if (Buffer.byteLength(text) <= bytesMax) return text
  throw new ToolError(`${path} would exceed the limit of ${bytesMax} bytes`)
}

function parseJson(bytes: Buffer, path: string): unknown {
  if (bytes.length > bytesMax) {
    throw new ToolError(`${path} exceeds the limit of ${bytesMax} bytes. Shorten it or delete it.`)
  }
  try {
    return JSON.parse(bytes.toString())
  } catch {
    throw new ToolError(`${path} is not valid JSON. Correct it or delete it.`)
  }
}

/** Adds a row. Contract: throws ToolError when the list is full. */
export function addRow<Row>(rows: Row[], row: Row, noun: string): Row {
  if (rows.length >= rowsMax) throw new ToolError(`The limit of ${rowsMax} ${noun} is reached.`)
  rows.push(row)
  return row
}

/** The id after the highest existing one, in the form of `first`, as in `SHP-00001`. */
export function nextId<Key extends string>(
  rows: readonly Record<Key, string>[],
  key: Key,
  first: string,
): string {
  const digits = /\d+$/.exec(first)![0].length
  const prefix = first.slice(0, -digits)
  const numbers = rows
    .map((row) => row[key])
    .filter((id) => id.startsWith(prefix))
    .map((id) => Number(id.slice(prefix.length)))
    .filter(Number.isSafeInteger)
  return prefix + String(Math.max(0, ...numbers) + 1).padStart(digits, '0')
}

/** Finds a row. Contract: throws ToolError without one. */
export function findRow<Row>(rows: readonly Row[], is: (row: Row) => boolean, what: string): Row {
  const found = rows.find(is)
  if (!found) throw new ToolError(`${what} not found`)
  return found
}
