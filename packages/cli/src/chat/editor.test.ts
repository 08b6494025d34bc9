/** Approvals on a real terminal: only an answer typed for the visible call approves it. */
import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startModel } from '../../../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../../apps/server/test/session.ts'
import { eventually } from '../../../../apps/server/test/waiting.ts'
import { temporaryFolder } from '../../../../test/process.ts'
import { onPty } from '../../test/pty.ts'
import { atTerminal } from '../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

const consent = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agentId = (await createAgent(server, { capabilities: [consent] })).id
})

async function untilAsked(id: string) {
  await eventually(
    async () => (await eventsOf(server, id, '?types=tool.approval_requested')).length,
  )
}

const args = { path: '/a', content: 'before' }
const call = { name: 'write_file', arguments: args }
const request = scripted({ tool_calls: [call] }, { text: 'Written.' })
const question = /a\/d\/e\/l › ?$/
const confirmation = /allow with these arguments\? y\/n › ?$/

/** A session in which a call waits for consent, and a chat about it on a real terminal. */
async function asked(t: TestContext, env: Record<string, string> = {}) {
  const { id } = await createSession(server, { agent_id: agentId })
  await post(server, id, request)
  const terminal = onPty(t, ['chat', '-s', id, '--url', server.url], env)
  await terminal.sees(question)
  const decisions = () => eventsOf(server, id, '?types=tool.approval_resolved')
  return {
    ...terminal,
    /** Exits, and returns the decision. */
    async decided() {
      // Once more, in case the terminal changes its mode at this moment.
      const again = setInterval(() => terminal.type('\x04'), 2_000)
      terminal.type('\x04')
      await terminal.ended
      clearInterval(again)
      return (await decisions()).length
    },
    async content() {
      return (await server.call('GET', `/v1/sessions/${id}/fs/a`)).body.content
    },
  }
}

type Terminal = Pick<ReturnType<typeof onPty>, 'type' | 'sees'>

/** Types keys until the screen shows the answer: keys that precede the question are discarded. */
async function untilSeen({ type, sees }: Terminal, keys: string, answer: RegExp): Promise<void> {
  const again = setInterval(() => type(keys), 10_000)
  type(keys)
  await sees(answer)
  clearInterval(again)
}

/** A program of the shell that gets the file as its first argument. */
async function editorOf(t: TestContext, script: string): Promise<string> {
  const { folder } = await temporaryFolder(t)
  const file = path.join(folder, 'editor')
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o700)
  return file
}

describe('editors without a valid change', { concurrency: 2 }, () => {
  for (const [behavior, script, message] of [
    ['fails', 'exit 1', /The editor failed with exit code 1\./],
    ['fails after a change', `sed -i s/before/after/ "$1"; exit 3`, /exit code 3\./],
    ['is ended by a signal', 'kill -9 $$', /The editor was ended by SIGKILL|exit code 137\./],
    ['changes nothing', 'exit 0', /The editor changed nothing\./],
    ['returns before its window is closed', 'sleep 1 & exit 0', /The editor changed nothing\./],
    ['saves the file as it was', 'cp "$1" "$1.x"; mv "$1.x" "$1"', /The editor changed nothing\./],
    ['only indents', `sed -i 's/^ */      /' "$1"`, /The arguments are unchanged\./],
    ['removes the file', 'rm "$1"', /The edited file cannot be read\./],
    ['empties the file', ': > "$1"', /The arguments are not valid JSON/],
    ['leaves half of a JSON', 'echo \'{"path":\' > "$1"', /The arguments are not valid JSON/],
    ['writes a list', 'echo "[]" > "$1"', /The arguments must be a JSON object\./],
  ] as const) {
    test(`an editor that ${behavior} decides nothing`, async (t) => {
      const { type, sees, decided } = await asked(t, { EDITOR: await editorOf(t, script) })
      const answer = `${message.source}[\\s\\S]*Not decided yet[\\s\\S]*${question.source}`
      await untilSeen({ type, sees }, 'e\r', new RegExp(answer))
      assert.equal(await decided(), 0)
    })
  }

  test('a missing editor decides nothing', async (t) => {
    const { type, sees, decided } = await asked(t, { EDITOR: '/no-such-editor' })
    const answer = /not found[\s\S]*exit code 127\.[\s\S]*Not decided yet[\s\S]*a\/d\/e\/l › ?$/
    await untilSeen({ type, sees }, 'e\r', answer)
    assert.equal(await decided(), 0)
  })
})

const change = `sed -i s/before/after/ "$1"`

test('shows changed arguments, and "no" decides nothing', async (t) => {
  const { type, sees, decided } = await asked(t, { VISUAL: await editorOf(t, change) })
  type('e\r')
  await sees(/"content": "after"[\s\S]*y\/n › ?$/)
  type('\r')
  await sees(/y\/n ›\n+.*y\/n › ?$/)
  type('n\r')
  await sees(/Not decided yet[\s\S]*a\/d\/e\/l › ?$/)
  assert.equal(await decided(), 0)
})

test('uses changed arguments after an explicit "yes"', async (t) => {
  const { type, sees, decided, content } = await asked(t, { EDITOR: await editorOf(t, change) })
  type('e\r')
  await sees(confirmation)
  type('y\r')
  await sees(/\nWritten\.\n/)
  assert.equal(await decided(), 1)
  assert.equal(await content(), 'after')
})

test('requires an explicit "yes" for arguments that are changed in the line', async (t) => {
  const { type, sees, decided, content } = await asked(t)
  type('e\r')
  await sees(/arguments › \{"path":"\/a","content":"before"\}$/)
  type('\r')
  await sees(/The arguments are unchanged\.[\s\S]*a\/d\/e\/l › ?$/)
  type('e\r')
  await sees(/unchanged[\s\S]*arguments › \{"path":"\/a","content":"before"\}$/)
  type('\x15{"path":"/a","content":"line"}\r')
  await sees(confirmation)
  type('y\r')
  await sees(/\nWritten\.\n/)
  assert.equal(await decided(), 1)
  assert.equal(await content(), 'line')
})

test('ignores keys that are typed while an editor has the terminal', async (t) => {
  const { folder } = await temporaryFolder(t)
  const go = path.join(folder, 'go')
  const script = `echo open; while [ ! -e '${go}' ]; do sleep 0.05; done; ${change}`
  const { type, sees, decided } = await asked(t, { EDITOR: await editorOf(t, script) })
  type('e\r')
  await sees(/\nopen\n/)
  type('y\r')
  await sees(/\nopen\ny\n/)
  await writeFile(go, '')
  await sees(confirmation)
  assert.equal(await decided(), 0)
})

test('approves nothing for an empty line or Ctrl-C', async (t) => {
  const empty = await asked(t)
  empty.type('\r')
  await empty.sees(/a\/d\/e\/l ›\n[\s\S]*a\/d\/e\/l › ?$/)
  assert.equal(await empty.decided(), 0)
  const cancelled = await asked(t)
  cancelled.type('\x03')
  await cancelled.sees(/cancelled/)
  assert.equal(await cancelled.decided(), 0)
})

const decisionsOf = (id: string) => eventsOf(server, id, '?types=tool.approval_resolved')

test('approves nothing for text without Enter when the terminal closes', async (t) => {
  const { id } = await createSession(server, { agent_id: agentId })
  await post(server, id, request)
  const { type, sees, hangUp, code } = atTerminal(t, ['chat', '-s', id, '--url', server.url])
  await sees(question)
  type('y')
  await sees(/a\/d\/e\/l › y$/)
  hangUp()
  await code
  assert.equal((await decisionsOf(id)).length, 0)
})

test('sends a line that was begun before the question as a message', async (t) => {
  const model = await startModel(t)
  const { id } = await model.session(server, { capabilities: [consent] })
  await post(server, id, 'Write it.')
  const reply = await model.call()
  reply.say('word word')
  const { type, sees } = atTerminal(t, ['chat', '-s', id, '--url', server.url])
  await sees(/^word/m)
  type('yes')
  await sees(/^› yes$/m)
  reply.input(0, JSON.stringify(args), { id: 'call_1', name: 'write_file' })
  reply.end()
  await untilAsked(id)
  type('\r')
  await sees(question)
  await eventually(async () => {
    const messages = await eventsOf(server, id, '?types=input.message')
    return JSON.stringify(messages.at(-1)).includes('"text":"yes"')
  })
  assert.equal((await decisionsOf(id)).length, 0)
  type('a\r')
  await sees(/✓ write_file/)
})

test('ignores lines that were typed before an exchange', async (t) => {
  const terminal = onPty(t, ['chat', '-a', agentId, request, '--url', server.url])
  terminal.type('y\ny')
  await terminal.sees(question)
  terminal.type('d\r')
  await terminal.sees(/reason › ?$/)
  terminal.type('no\r')
  await terminal.sees(/✗ write_file/)
  await terminal.ended
})
