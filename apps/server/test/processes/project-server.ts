import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { EventDataOf, EventType } from '@outlast/contract'
import type { Log } from '../../src/log.ts'
import { loadProject } from '../../src/project/load.ts'
import { createThreads } from '../../src/project/threads/threads.ts'
import { type ServerOptions, startServer } from '../server.ts'
import { converse, createAgent, createSession, dataOf, eventsOf, scripted } from '../session.ts'
import { eventually } from '../waiting.ts'
import { writeProject } from './project-files.ts'

/** A log that records its lines: level, message and fields. */
export function recordLog() {
  const lines: { level: string; message: string; about: Record<string, unknown> }[] = []
  const at =
    (level: string) =>
    (message: string, about: object = {}) =>
      void lines.push({ level, message, about: { ...about } })
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { log, lines }
}

/** A loaded machine takes minutes for calls that take seconds. */
const patience = { TOOL_TIMEOUT_MS: '600000' }

/**
 * Starts a server with a project whose tools have the given files. With `log` its threads
 * write to that log.
 */
export async function startProject(
  t: TestContext,
  tools: Record<string, string>,
  { log, env, ...options }: ServerOptions & { log?: Log } = {},
) {
  const named = Object.entries(tools).map(([name, text]) => [`tools/${name}.ts`, text])
  const folder = writeProject(t, Object.fromEntries(named))
  const projectLocation = { folder }
  const project = await loadProject(projectLocation)
  const threads = log && createThreads({ location: projectLocation, fileBytesMax: 1_048_576, log })
  if (threads) t.after(threads.stop)
  const given = threads ? { project: threads.wrap(project) } : { project, projectLocation }
  const server = await startServer(t, { ...given, ...options, env: { ...patience, ...env } })
  const agent = await createAgent(server, { capabilities: [{ ref: 'tools' }] })
  const openSession = async (fields: object = {}) => {
    const session = await createSession(server, { agent_id: agent.id, ...fields })
    /** Runs one tool call in a turn and returns its outcome. */
    const use = async (name: string, args: object = {}) => {
      const events = await converse(
        t,
        server,
        session.id,
        scripted({ tool_calls: [{ name, arguments: args }] }, { text: 'Done.' }),
      )
      return dataOf(events, 'tool.completed') as EventDataOf<'tool.completed'>
    }
    /** Runs one tool call and returns its result. */
    const resultOf = async (name: string, args: object = {}) => {
      const { result, ...outcome } = await use(name, args)
      assert.ok(outcome.success, JSON.stringify(outcome))
      const [part] = result as { text: string }[]
      return JSON.parse(part!.text)
    }
    const place = `/v1/sessions/${session.id}`
    return {
      id: session.id,
      use,
      resultOf,
      /** Waits for the first event of a type. */
      event: (type: EventType) =>
        eventually(async () =>
          (await eventsOf(server, session.id)).find((event) => event.type === type),
        ),
      cancel: () => server.call('POST', `${place}/cancel`),
      write: (path: string, content: string) =>
        server.call('POST', `${place}/fs${path}`, { content }),
      read: async (path: string): Promise<string> =>
        (await server.call('GET', `${place}/fs${path}`)).body.content,
    }
  }
  return { server, folder, agent, openSession }
}
