/**
 * Verifies a request of a webhook with libraries of receivers. Arguments: the folder of their
 * node_modules. Input: body, headers and secret as JSON. Prints which accepted it.
 */
import { createRequire } from 'node:module'
import path from 'node:path'
import { json } from 'node:stream/consumers'

const require = createRequire(path.join(process.argv[2], 'package.json'))
const { Webhook } = require('standardwebhooks')
const svix = require('svix')
const { OpenAI } = require('openai')

const { body, headers, secret } = await json(process.stdin)
const libraries = {
  standardwebhooks: () => new Webhook(secret).verify(body, headers),
  svix: () => new svix.Webhook(secret).verify(body, headers),
  openai: () => new OpenAI({ apiKey: 'none' }).webhooks.unwrap(body, headers, secret),
}
const accepted = []
for (const [name, verify] of Object.entries(libraries)) {
  const event = await Promise.resolve()
    .then(verify)
    .catch(() => undefined)
  if (event !== undefined && event.type === 'turn.completed') accepted.push(name)
}
console.log(JSON.stringify(accepted))
