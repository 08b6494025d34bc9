import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { McpServer } from '@outlast/sdk'
import { isElsewhere, isOnThisMachine, mcpServerBody, mcpServerDraft, nextKey } from './draft.ts'

const stored = {
  ...{ name: 'tracker', url: 'https://mcp.example.com/mcp', headers: { 'X-Team': '********' } },
} as unknown as McpServer

test('saving an unchanged server keeps its headers and its key', () => {
  assert.deepEqual(mcpServerBody(mcpServerDraft(stored)), { ...stored, description: '' })
})

test('omits headers without a name and sends a new key', () => {
  const { headers, ...draft } = mcpServerDraft(stored)
  const more = [
    { key: 1, name: ' X-More ', value: 'a' },
    { key: 2, name: ' ', value: 'b' },
  ]
  const body = mcpServerBody({ ...draft, api_key: 'k', headers: [...headers, ...more] })
  assert.deepEqual(body.headers, { 'X-Team': '********', 'X-More': 'a' })
  assert.equal(body.api_key, 'k')
})

test('a new row has a unique key', () => {
  assert.deepEqual([nextKey([]), nextKey(mcpServerDraft(stored).headers)], [0, 1])
})

test('detects a change of the host', () => {
  const moves = (url: string) => isElsewhere(stored, { url })
  assert.equal(moves(' https://mcp.example.com/other '), false)
  assert.equal(moves('https://elsewhere.example.com/mcp'), true)
  assert.equal(moves('no address'), true)
})

test('detects private addresses', () => {
  const local = ['http://localhost:1', 'https://127.0.0.1', 'http://10.0.0.1', 'http://[::1]/']
  assert.ok(local.every(isOnThisMachine))
  assert.equal(isOnThisMachine('https://mcp.example.com/?q=http://localhost'), false)
})
