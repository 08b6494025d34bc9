import { SegmentedControl, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { CodeBlock } from '../markdown/code-block.tsx'
import { authConfigQuery } from '../queries/me.ts'
import { type CallLanguage, callCode, callLanguages } from './call-code.ts'

/** Programs that call an agent. They read the API key from the environment. */
export function CodePanel({ agentId }: { agentId: string }) {
  const [chosen, setChosen] = useState<CallLanguage>('curl')
  const auth = useQuery(authConfigQuery)
  const needsKey = auth.data?.mode !== 'none'
  const { language } = callLanguages.find(({ value }) => value === chosen)!
  return (
    <section className="scroll code-panel" aria-label="Code">
      <SegmentedControl
        size="xs"
        aria-label="Language"
        data={callLanguages.map(({ value, label }) => ({ value, label }))}
        value={chosen}
        onChange={(value) => setChosen(value as CallLanguage)}
      />
      {auth.data && (
        <CodeBlock
          text={callCode[chosen]({ origin: location.origin, agentId, needsKey })}
          language={language}
        />
      )}
      <Text size="sm" c="dimmed">
        {needsKey && (
          <>
            Set <code>OUTLAST_API_KEY</code> to a key from{' '}
            <Link to="/settings" search={{ tab: 'keys' }}>
              API keys
            </Link>
            .{' '}
          </>
        )}
        Reference: <a href="/docs">all operations</a>.
      </Text>
    </section>
  )
}
