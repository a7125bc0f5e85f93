/** Every command there is, and who decides it. */
import {
  type MountShare,
  mountShare,
  type SeeClient,
  seeClient,
  type UnmountShare,
  unmountShare,
} from './clients/clients.ts'
import { type SweepContent, sweepContent } from './content/sweep-content.ts'
import { type TouchAccessTime, touchAccessTime } from './content/touch-access-time.ts'
import { type WriteContent, writeContent } from './content/write-content.ts'
import type { Decide, DecisionWorld, Outcome, Stamp } from './decider.ts'
import { type CreateShare, createShare } from './shares/create-share.ts'
import { type DeleteShare, deleteShare } from './shares/delete-share.ts'
import { type EditShare, editShare } from './shares/edit-share.ts'
import { type ForgetPast, forgetPast } from './shares/forget-past.ts'
import { type ForkShare, forkShare } from './shares/fork-share.ts'
import {
  type PlaceHold,
  placeHold,
  type ReleaseHold,
  type RemoveLabel,
  releaseHold,
  removeLabel,
  type SetLabel,
  setLabel,
} from './shares/labels.ts'
import { type CreateHandleKey, createHandleKey } from './stream/create-handle-key.ts'
import { type ChangeAttributes, changeAttributes } from './tree/change-attributes.ts'
import { type CreateDirectory, createDirectory } from './tree/create-directory.ts'
import { type CreateFile, createFile } from './tree/create-file.ts'
import { type CreateSpecialFile, createSpecialFile } from './tree/create-special-file.ts'
import { type CreateSymlink, createSymlink } from './tree/create-symlink.ts'
import { type LinkEntry, linkEntry } from './tree/link-entry.ts'
import { type RemoveDirectory, removeDirectory } from './tree/remove-directory.ts'
import { type RemoveFile, removeFile } from './tree/remove-file.ts'
import { type RenameEntry, renameEntry } from './tree/rename-entry.ts'
import { type RestoreInode, restoreInode } from './tree/restore-inode.ts'
import {
  type CreateGroup,
  type CreateUser,
  createGroup,
  createUser,
  type DeleteGroup,
  type DeleteUser,
  deleteGroup,
  deleteUser,
} from './users/users-and-groups.ts'

export type Command =
  | ChangeAttributes
  | CreateDirectory
  | CreateFile
  | CreateGroup
  | CreateHandleKey
  | CreateShare
  | CreateSpecialFile
  | CreateSymlink
  | CreateUser
  | DeleteGroup
  | DeleteShare
  | DeleteUser
  | EditShare
  | ForgetPast
  | ForkShare
  | LinkEntry
  | MountShare
  | PlaceHold
  | ReleaseHold
  | RemoveDirectory
  | RemoveFile
  | RemoveLabel
  | RenameEntry
  | RestoreInode
  | SeeClient
  | SetLabel
  | SweepContent
  | TouchAccessTime
  | UnmountShare
  | WriteContent

type Deciders = { readonly [K in Command['type']]: Decide<Extract<Command, { type: K }>> }

const deciders: Deciders = {
  ChangeAttributes: changeAttributes,
  CreateDirectory: createDirectory,
  CreateFile: createFile,
  CreateGroup: createGroup,
  CreateHandleKey: createHandleKey,
  CreateShare: createShare,
  CreateSpecialFile: createSpecialFile,
  CreateSymlink: createSymlink,
  CreateUser: createUser,
  DeleteGroup: deleteGroup,
  DeleteShare: deleteShare,
  DeleteUser: deleteUser,
  EditShare: editShare,
  ForgetPast: forgetPast,
  ForkShare: forkShare,
  LinkEntry: linkEntry,
  MountShare: mountShare,
  PlaceHold: placeHold,
  ReleaseHold: releaseHold,
  RemoveDirectory: removeDirectory,
  RemoveFile: removeFile,
  RemoveLabel: removeLabel,
  RenameEntry: renameEntry,
  RestoreInode: restoreInode,
  SeeClient: seeClient,
  SetLabel: setLabel,
  SweepContent: sweepContent,
  TouchAccessTime: touchAccessTime,
  UnmountShare: unmountShare,
  WriteContent: writeContent,
}

export function decide(world: DecisionWorld, command: Command, stamp: Stamp): Outcome {
  return (deciders[command.type] as Decide<Command>)(world, command, stamp)
}
