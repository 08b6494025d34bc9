export {
  Agent,
  AgentChange,
  AgentPage,
  AgentStatus,
  NewAgent,
} from './agent.ts'
export { AuditEntry, AuditExportQuery, AuditPage, AuditQuery } from './audit.ts'
export {
  ApiKey,
  ApiKeyPage,
  AuthConfig,
  AuthMode,
  CreatedApiKey,
  LoginRequest,
  NewApiKey,
  NewSessionToken,
  PasswordChange,
  RefreshRequest,
  RegisterRequest,
  Scope,
  SessionToken,
  sessionTokenSecondsMax,
  Tokens,
} from './auth.ts'
export {
  CapabilityInfo,
  CapabilityPage,
  CapabilityUse,
  CapabilityUses,
  ToolDefinition,
} from './capability.ts'
export { ErrorDetail, ErrorResponse } from './error.ts'
export {
  type CompactionInfo,
  Event,
  EventContext,
  type EventDataOf,
  EventPage,
  EventQuery,
  type EventType,
  eventData,
  eventTypes,
  type GenerationMetadata,
  liveEventTypes,
  type ModelMetadata,
  StreamQuery,
  type ToolCall,
} from './event.ts'
export { Health } from './health.ts'
export {
  AgentId,
  AuditEntryId,
  EventId,
  InvitationId,
  idPrefixes,
  MessageId,
  ModelId,
  type Noun,
  OrganizationId,
  ProviderId,
  SessionId,
  TurnId,
  Uuid,
} from './id.ts'
export {
  CancelTurnResponse,
  ContentPart,
  Controls,
  EventMessage,
  InputContentPart,
  Message,
  MessagePage,
  NewMessage,
  OnBusy,
} from './message.ts'
export {
  Model,
  ModelChange,
  type ModelCost,
  ModelPage,
  ModelProfile,
  ModelQuery,
  ModelSync,
  ModelWithProvider,
  ModelWithProviderPage,
  modalities,
  NewModel,
  NewProvider,
  Provider,
  ProviderChange,
  ProviderPage,
  ProviderTest,
  ProviderTestResult,
  ProviderType,
  type ReasoningEffort,
  type ReasoningEffortConfig,
  reasoningEfforts,
} from './model.ts'
export {
  AcceptInvitation,
  CreatedInvitation,
  Invitation,
  InvitationPage,
  Member,
  MemberChange,
  MemberPage,
  NewInvitation,
  NewOrganization,
  Organization,
  OrganizationChange,
  OrganizationPage,
} from './organization.ts'
export {
  NewSession,
  Session,
  SessionChange,
  SessionPage,
  SessionQuery,
  SessionStatus,
} from './session.ts'
export { type Page, PageQuery } from './shape.ts'
export { TokenUsage } from './usage.ts'
export { Me, Role, roles, SwitchOrganization, User, UserPage, UserQuery } from './user.ts'
