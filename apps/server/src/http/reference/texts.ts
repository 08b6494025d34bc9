import type { OperationDocs } from '../core/docs.ts'
import { accountDocs } from '../routes/access/accounts.docs.ts'
import { apiKeyDocs } from '../routes/access/api-keys.docs.ts'
import { auditDocs } from '../routes/access/audit.docs.ts'
import { authDocs } from '../routes/access/auth.docs.ts'
import { invitationDocs } from '../routes/access/invitations.docs.ts'
import { memberDocs } from '../routes/access/members.docs.ts'
import { organizationDocs } from '../routes/access/organizations.docs.ts'
import { userDocs } from '../routes/access/users.docs.ts'
import { agUiDocs } from '../routes/ag-ui/ag-ui.docs.ts'
import { agentFileDocs } from '../routes/agents/agent-files.docs.ts'
import { agentDocs } from '../routes/agents/agents.docs.ts'
import { capabilityDocs } from '../routes/agents/capabilities.docs.ts'
import { channelDocs } from '../routes/agents/channels.docs.ts'
import { harnessDocs } from '../routes/agents/harnesses.docs.ts'
import { scheduleDocs } from '../routes/agents/schedules.docs.ts'
import { toolRuleDocs } from '../routes/agents/tool-rules.docs.ts'
import { aiSdkDocs } from '../routes/ai-sdk/chat.docs.ts'
import { budgetDocs } from '../routes/budgets/budgets.docs.ts'
import { usageDocs } from '../routes/budgets/usage.docs.ts'
import { executionDocs } from '../routes/channels/channels.docs.ts'
import { fileDocs } from '../routes/files/files.docs.ts'
import { imageDocs } from '../routes/files/images.docs.ts'
import { sessionStorageDocs } from '../routes/files/session-storage.docs.ts'
import { eventDocs } from '../routes/messages/events.docs.ts'
import { feedbackDocs } from '../routes/messages/feedback.docs.ts'
import { messageDocs } from '../routes/messages/messages.docs.ts'
import { retakeDocs } from '../routes/messages/retakes.docs.ts'
import { retryDocs } from '../routes/messages/retries.docs.ts'
import { mcpServerDocs } from '../routes/models/mcp-servers.docs.ts'
import { modelDocs } from '../routes/models/models.docs.ts'
import { providerDocs } from '../routes/models/providers.docs.ts'
import { alertDocs } from '../routes/operations/alerts.docs.ts'
import { workerDocs } from '../routes/operations/workers.docs.ts'
import { workflowDocs } from '../routes/operations/workflows.docs.ts'
import { answerDocs } from '../routes/people/answers.docs.ts'
import { approvalDocs } from '../routes/people/approvals.docs.ts'
import { questionDocs } from '../routes/people/questions.docs.ts'
import { waitingDocs } from '../routes/people/waiting.docs.ts'
import { exportDocs } from '../routes/sessions/exports.docs.ts'
import { forkDocs } from '../routes/sessions/forks.docs.ts'
import { pinDocs } from '../routes/sessions/pins.docs.ts'
import { reportDocs } from '../routes/sessions/reports.docs.ts'
import { sessionDocs } from '../routes/sessions/sessions.docs.ts'
import { endUserDocs } from '../routes/tokens/end-users.docs.ts'
import { sessionTokenDocs } from '../routes/tokens/session-tokens.docs.ts'
import { shareDocs } from '../routes/tokens/shares.docs.ts'
import { userTokenDocs } from '../routes/tokens/user-tokens.docs.ts'
import { webhookDocs } from '../routes/webhooks/webhooks.docs.ts'

/** The texts of all operations, in the order in which the reference lists them within a tag. */
export const operationDocs: Readonly<Record<string, OperationDocs>> = {
  ...sessionDocs,
  ...pinDocs,
  ...reportDocs,
  ...forkDocs,
  ...retakeDocs,
  ...feedbackDocs,
  ...retryDocs,
  ...exportDocs,
  ...messageDocs,
  ...eventDocs,
  ...waitingDocs,
  ...answerDocs,
  ...approvalDocs,
  ...toolRuleDocs,
  ...questionDocs,
  ...aiSdkDocs,
  ...sessionTokenDocs,
  ...shareDocs,
  ...userTokenDocs,
  ...endUserDocs,
  ...sessionStorageDocs,
  ...fileDocs,
  ...imageDocs,
  ...agUiDocs,
  ...agentDocs,
  ...harnessDocs,
  ...agentFileDocs,
  ...channelDocs,
  ...executionDocs,
  ...capabilityDocs,
  ...modelDocs,
  ...providerDocs,
  ...mcpServerDocs,
  ...scheduleDocs,
  ...budgetDocs,
  ...usageDocs,
  ...webhookDocs,
  ...alertDocs,
  ...authDocs,
  ...apiKeyDocs,
  ...userDocs,
  ...organizationDocs,
  ...memberDocs,
  ...invitationDocs,
  ...accountDocs,
  ...auditDocs,
  ...workflowDocs,
  ...workerDocs,
}
