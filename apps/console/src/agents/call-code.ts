/** The address of a server, an agent of it, and whether calls need a key. */
export type Called = { origin: string; agentId: string; needsKey: boolean }

export const callLanguages = [
  { value: 'curl', label: 'curl', language: 'bash' },
  { value: 'typescript', label: 'TypeScript', language: 'ts' },
  { value: 'python', label: 'Python', language: 'python' },
] as const

export type CallLanguage = (typeof callLanguages)[number]['value']

/** Programs that start a session with an agent, send a message and print the reply. */
export const callCode = {
  curl: ({ origin, agentId, needsKey }) => {
    const key = needsKey ? ` -H "Authorization: Bearer $OUTLAST_API_KEY"` : ''
    const json = `${key} -H 'Content-Type: application/json'`
    return `url=${origin}/v1

# Start a session
session=$(curl -sS "$url/sessions"${json} \\
  -d '{"agent_id": "${agentId}"}' | grep -o 'session_[0-9a-f]*' | head -n 1)

# Send a message
curl -sS "$url/sessions/$session/messages"${json} \\
  -d '{"message": {"content": [{"type": "text", "text": "Hello!"}]}}'

# Follow the reply
curl -sSN "$url/sessions/$session/sse"${key}
`
  },

  typescript: ({ origin, agentId, needsKey }) => `import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({
  url: '${origin}',${needsKey ? '\n  apiKey: process.env.OUTLAST_API_KEY,' : ''}
})

const session = outlast.session(await outlast.sessions.create({ agent_id: '${agentId}' }))
const reply = await session.send('Hello!')
console.log(reply.text)
`,

  python: ({ origin, agentId, needsKey }) => `import json
${needsKey ? 'import os\n' : ''}from urllib.request import Request, urlopen

url = "${origin}/v1"
headers = {
    "Content-Type": "application/json",${needsKey ? '\n    "Authorization": "Bearer " + os.environ["OUTLAST_API_KEY"],' : ''}
}


def post(path, body):
    return json.load(urlopen(Request(url + path, json.dumps(body).encode(), headers)))


session = post("/sessions", {"agent_id": "${agentId}"})
path = f"/sessions/{session['id']}"
content = [{"type": "text", "text": "Hello!"}]
post(path + "/messages", {"message": {"content": content}})

for line in urlopen(Request(url + path + "/sse", headers=headers)):
    event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
    if event.get("type") == "output.message.completed":
        for part in event["data"]["message"]["content"]:
            print(part.get("text", ""))
    if event.get("type") in ("turn.completed", "turn.failed", "turn.cancelled"):
        break
`,
} satisfies Record<CallLanguage, (called: Called) => string>
