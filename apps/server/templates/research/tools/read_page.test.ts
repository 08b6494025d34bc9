import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTool } from 'outlast/testing'
import addNote from './add_note.ts'
import readPage from './read_page.ts'

const page = (status: number) => async () =>
  new Response('<h1>Whales</h1><script>track()</script><p>are mammals.</p>', { status })

test('returns the text of a page', async () => {
  const url = 'https://example.com/whales'
  const { result } = await runTool(readPage, { url }, { fetch: page(200) })
  assert.deepEqual(result, { url, text: 'Whales are mammals.' })
})

test('the agent reads the status of a page that it cannot get', async () => {
  const call = runTool(readPage, { url: 'https://example.com' }, { fetch: page(404) })
  await assert.rejects(call, /answered 404/)
})

test('adds notes to one file', async () => {
  const source = 'https://example.com/whales'
  const { files } = await runTool(addNote, { note: 'Whales are mammals.', source })
  await runTool(addNote, { note: 'They sing.', source }, { files })
  const { bytes } = await files.read('/notes.md')
  assert.equal(bytes.toString(), `- Whales are mammals. (${source})\n- They sing. (${source})\n`)
})
