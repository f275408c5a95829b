// Names for the shapes of the API. They are generated from its description: see CONTRIBUTING.md.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["AgenticSession"];
export type SessionStatus = Schemas["SessionStatus"];
export type Condition = Schemas["Condition"];
export type Row = Schemas["SessionRow"];
export type RowList = Schemas["SessionList"];
export type WatchFrame = Schemas["WatchFrame"];
export type CreateSession = Schemas["CreateSession"];
export type Created = Schemas["CreatedReply"];
export type Run = Schemas["RunReply"];
export type RunList = Schemas["RunList"];
export type RunSent = Schemas["RunSent"];
export type Project = Schemas["ProjectReply"];
export type ProjectList = Schemas["ProjectList"];
export type Access = Schemas["AccessReply"];
export type Preferences = Schemas["PreferencesReply"];
export type Me = Schemas["MeReply"];
export type Models = Schemas["ModelsReply"];
export type RunnerType = Schemas["OfferedRunner"];
export type ProjectSettings = Schemas["SettingsReply"];
export type FileList = Schemas["FileList"];
export type FileEntry = Schemas["FileEntry"];
export type GitStatus = Schemas["GitStatus"];
export type StagedFile = Schemas["StagedFile"];
export type StagedFiles = Schemas["StagedFiles"];
export type PermissionRules = Schemas["PermissionRules"];
export type RuleRevoked = Schemas["RuleRevoked"];
export type Health = Schemas["HealthReply"];
export type CredentialLine = Schemas["CredentialReply"];
export type CredentialList = Schemas["CredentialList"];
export type Check = Schemas["CheckReply"];
export type Outlook = Schemas["OutlookReply"];
export type RepoCheck = Schemas["RepoCheckReply"];
export type Version = Schemas["VersionReply"];

/** A question or permission that waits, as the log has it. */
export interface Interrupt {
  id: string;
  reason?: string;
  message?: string;
  toolCallId?: string;
  responseSchema?: unknown;
  expiresAt?: string;
  metadata?: Record<string, unknown>;
}
