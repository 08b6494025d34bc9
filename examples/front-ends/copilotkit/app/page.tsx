'use client'

import { CopilotChat, CopilotKit } from '@copilotkit/react-core/v2'
import '@copilotkit/react-core/v2/styles.css'

export default function Page() {
  return (
    <CopilotKit runtimeUrl="/api/copilotkit">
      <main>
        <CopilotChat agentId="support" threadId="my-chat" />
      </main>
    </CopilotKit>
  )
}
