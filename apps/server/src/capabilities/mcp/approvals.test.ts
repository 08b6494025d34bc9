/** Approval of the tools of MCP servers, which are free to change what they list. */
import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import {
  addMcpServer,
  sessionWithMcp,
  startMcp,
  startWithMcp,
  textTool,
} from '../../../test/mcp.ts'
import { dataOf, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>
let server: Server

before(async (t) => {
  server = await startWithMcp(t as TestContext)
})

type Call = { id?: string; name: string; arguments: object }

/** Lets the model of a session make one call. */
async function asked(t: TestContext, sessionId: string, call: Call) {
  const stream = await follow(t, server.url, { sessionId })
  await post(server, sessionId, scripted({ tool_calls: [call] }, { text: 'done' }))
  return stream
}

test('approves a call of an MCP server with edited arguments that fit the schema of its tool', async (t) => {
  const word = { type: 'string', minLength: 2 }
  const schemas = {
    say: { type: 'object', properties: { word }, required: ['word'] },
    shout: { type: 'object', properties: { word: { $ref: '#/$defs/word' } }, $defs: { word } },
    nest: {
      type: 'object',
      properties: { deeper: { $ref: '#/$defs/a' } },
      $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } } } },
    },
  }
  const tools = Object.entries(schemas).map(([name, inputSchema]) =>
    textTool(name, { inputSchema }),
  )
  const mcp = await startMcp(t, { 'tools/list': ({ answer }) => answer({ tools }) })
  const { ref } = await addMcpServer(server, mcp.url, { name: 'edited' })
  const edits: [tool: string, wrong: object | undefined, right: object, message: RegExp][] = [
    ['say', { word: 'a' }, { word: 'agreed' }, /do not fit: word must not have fewer than 2/],
    ['shout', { word: 5 }, { word: 'agreed' }, /do not fit: word must be string/],
    // Recursive: the server checks it.
    ['nest', undefined, { deeper: { a: {} } }, /./],
  ]
  for (const [tool, wrong, right, message] of edits) {
    const { id } = await sessionWithMcp(server, ref, { requires_approval: true })
    const name = `mcp_edited__${tool}`
    const stream = await asked(t, id, { id: 'call_1', name, arguments: { word: 'first' } })
    await stream.event('tool.approval_requested')
    const decide = (edited: object) =>
      server.call('POST', `/v1/sessions/${id}/approvals/call_1`, {
        decision: 'approve',
        arguments: edited,
      })
    if (wrong) {
      const { status, body } = await decide(wrong)
      assert.deepEqual([status, body.details[0].path], [400, 'arguments'])
      assert.match(body.error, message)
    }
    const answer = await decide(right)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    await stream.event('session.idled')
    assert.equal(dataOf(stream.events, 'tool.completed').success, true)
    assert.deepEqual(mcp.heard('tools/call').at(-1)!.message.params.arguments, right)
  }
})
