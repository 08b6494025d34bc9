import type { ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import path from 'node:path'
import type { Agent, NewSession, Session } from '@outlast/contract'
import { createOutlast, type Outlast, type SessionHandle } from '@outlast/sdk'
import type { AgentDefinition } from '../authoring/agent.ts'
import type { Settings } from '../authoring/config.ts'
import type { AnySchema } from '../authoring/schema.ts'
import { settingsText } from '../config/settings-text.ts'
import type { ServerStart } from './messages.ts'
import { beginPrepared, prepareNext, takePrepared } from './prepared.ts'
import { launchProcess, type ServerProcess, startServerProcess } from './server-process.ts'
import type { TestDatabase } from './test-database.ts'
import type { TestModel } from './test-model.ts'
import { type EventOf, type UntilOptions, untilEvent } from './until.ts'

export type TestServerOptions = {
  /** Folder of the project. Default: the working directory. */
  project?: string
  /** The default model. Default: the simulated one. */
  model?: TestModel
  /** Settings by the names of their environment variables. */
  settings?: Settings
  /** Agents to create. */
  agents?: readonly AgentDefinition[]
  /**
   * A PostgreSQL server to create the database on, as a user that may create databases. Default:
   * OUTLAST_TEST_DATABASE_URL, otherwise an embedded one.
   */
  databaseUrl?: string
}

export type TestServer = AsyncDisposable & {
  url: string
  /** A client with full access. */
  client: Outlast
  /** The agents that were created, in the order of the options. */
  agents: readonly Agent[]
  /** Creates a session of an agent, by name or id. Default: the first of `agents`. */
  session: (agent?: string, fields?: Omit<NewSession, 'agent_id'>) => Promise<SessionHandle>
  /**
   * Waits for a stored event of a session, from its start or after another event, also across
   * `kill` and `restart`. Rejects after `timeoutMs` (10,000) with the types of the events so far.
   */
  until: <const What extends Parameters<typeof untilEvent>[2]['what']>(
    session: string | Pick<Session, 'id'>,
    what: What,
    options?: UntilOptions,
  ) => Promise<EventOf<What>>
  /** Kills the process with SIGKILL, as a crash does. */
  kill: () => Promise<void>
  /** Kills the process if it runs, and starts it on the same data and address. */
  restart: () => Promise<void>
  /** Stops the process and drops the database. */
  stop: () => Promise<void>
}

/** Starts a server with the project's code as its own process, with a database of its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { model, databaseUrl = process.env.OUTLAST_TEST_DATABASE_URL } = options
  const modelUrl = await model?.wire.open()
  const { child, database } = await takePrepared(databaseUrl)
  const start = startOf(options, { database, modelUrl })
  const node = createNode(start, () => model?.wire.interrupted())
  const stop = async () => {
    await node.stop()
    model?.wire.close()
    await database.drop()
  }
  try {
    const { url, isOpen } = await beginAnywhere(node, child)
    const client = isOpen ? createOutlast({ url }) : await signIn(url, start.settings)
    const adding = model && addModel(client, model, modelUrl!)
    const [agents] = await Promise.all([addAgents(client, options.agents), adding])
    prepareNext(databaseUrl)
    return {
      url,
      client,
      agents,
      async session(wanted, fields) {
        const agent_id = await agentId(client, agents, wanted)
        return client.session(await client.sessions.create({ ...fields, agent_id }))
      },
      until: (session, what, about) =>
        untilEvent(client, session, {
          ...about,
          what,
          problem: () => model?.wire.problem() ?? node.problem(),
        }),
      kill: node.kill,
      async restart() {
        await node.kill()
        await beginPrepared((child) => node.begin(child, new URL(url).port))
        prepareNext(databaseUrl)
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

/** Runs one process after another with the same start. `onEnd` is called when one has ended. */
function createNode(start: ServerStart, onEnd: () => void) {
  let running: ServerProcess | undefined
  let problem: string | undefined
  return {
    async begin(child: ChildProcess, port: string) {
      const settings = { ...start.settings, PORT: port }
      const server = await startServerProcess(child, { ...start, settings })
      running = server
      problem = undefined
      void server.ended.then((ending) => {
        if (running === server) problem = `The server ended with ${ending}.`
        onEnd()
      })
      return server
    },
    async kill() {
      const killed = running
      running = undefined
      await killed?.kill()
    },
    async stop() {
      const stopped = running
      running = undefined
      await stopped?.stop()
    },
    /** How the process ended, if the test did not end it. */
    problem: () => problem,
  }
}

/**
 * Ports outside the default ranges from which Linux, macOS and Windows assign them: no other
 * program is assigned that of a server while it restarts.
 */
const ports = { first: 20_000, count: 10_000 }

/** Limit, because the project's own code can use a taken port too. */
const portTriesMax = 5

/** Starts the first process at a free port. */
async function beginAnywhere(
  node: ReturnType<typeof createNode>,
  child: ChildProcess,
  tries = 1,
): Promise<ServerProcess> {
  try {
    return await node.begin(child, String(ports.first + randomInt(ports.count)))
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (!isTaken || tries === portTriesMax) throw error
    return beginAnywhere(node, launchProcess(), tries + 1)
  }
}

type Places = { database: TestDatabase; modelUrl: string | undefined }

function startOf(options: TestServerOptions, { database, modelUrl }: Places): ServerStart {
  const { project = '.', settings = {} } = options
  return {
    folder: path.resolve(project),
    environment: process.env,
    settings: {
      LOG_LEVEL: 'error',
      SIMULATED_MODELS: 'always',
      SHUTDOWN_GRACE_MS: '1000',
      AUTH_ADMIN_EMAIL: 'admin@example.com',
      AUTH_ADMIN_PASSWORD: randomBytes(16).toString('hex'),
      ...settingsText(settings),
      HOST: '127.0.0.1',
      ...database.settings,
    },
    allowed: modelUrl === undefined ? [] : [`provider=${new URL(modelUrl).host}`],
  }
}

/** A client with an API key of the administrator, where callers must authenticate. */
async function signIn(url: string, settings: Record<string, string>): Promise<Outlast> {
  const { AUTH_ADMIN_EMAIL: email = '', AUTH_ADMIN_PASSWORD: password = '' } = settings
  const { access_token } = await createOutlast({ url }).auth.login({ email, password })
  const { key } = await createOutlast({ url, apiKey: access_token }).apiKeys.create({
    name: 'Test',
  })
  return createOutlast({ url, apiKey: key })
}

async function addModel(client: Outlast, { wire }: TestModel, url: string) {
  const provider = await client.providers.create({
    name: 'Test',
    provider_type: wire.providerType,
    base_url: url,
    api_key: 'test',
  })
  await client.providers.createModel(provider.id, {
    model_id: wire.modelName,
    display_name: wire.modelName,
    is_default: true,
  })
}

async function addAgents(client: Outlast, agents: readonly AgentDefinition[] = []) {
  const added: Agent[] = []
  for (const agent of agents) {
    const name = agent.name ?? `Agent ${added.length + 1}`
    const { output_schema: schema, ...fields } = agent
    const output_schema = schema && (await schemaOf(schema))
    added.push(await client.agents.create({ ...fields, name, output_schema }))
  }
  return added
}

/** Imported when it is used: most tests have no schema. */
async function schemaOf(schema: AnySchema) {
  const { outputSchemaOf } = await import('../authoring/convert-schema.ts')
  return outputSchemaOf(schema)
}

async function agentId(client: Outlast, agents: readonly Agent[], wanted?: string) {
  const isWanted = ({ id, name }: Agent) => wanted === undefined || wanted === id || wanted === name
  const own = agents.find(isWanted)
  if (own) return own.id
  if (wanted === undefined)
    throw new Error('Name an agent: the server was started without `agents`.')
  for await (const agent of client.agents.list()) if (isWanted(agent)) return agent.id
  throw new Error(`The server has no agent with the name or id ${JSON.stringify(wanted)}.`)
}
