/**
 * The commands and, for the audit, the protocol operations that they came from. The numbers are
 * part of the journal's format: never reuse one, never renumber.
 */
export const commandCodes = {
  CreateFile: 1,
  CreateDirectory: 2,
  CreateSymlink: 3,
  CreateSpecialFile: 4,
  LinkEntry: 5,
  RemoveFile: 6,
  RemoveDirectory: 7,
  RenameEntry: 8,
  ChangeAttributes: 9,
  WriteContent: 10,
  TouchAccessTime: 11,
  RestoreInode: 12,
  /** Nobody asked for it: what is left to do behind a truncation. */
  SweepContent: 13,
  CreateShare: 32,
  EditShare: 33,
  DeleteShare: 34,
  SetLabel: 35,
  RemoveLabel: 36,
  PlaceHold: 37,
  ReleaseHold: 38,
  ForkShare: 39,
  CreateUser: 40,
  DeleteUser: 41,
  CreateGroup: 42,
  DeleteGroup: 43,
  ForgetPast: 44,
  SeeClient: 48,
  MountShare: 50,
  UnmountShare: 51,
  ClaimEpoch: 64,
  CreateHandleKey: 65,
  /** Not a change: an operation that the share's audit level `all` wants remembered. */
  Access: 96,
  /** Not a change either: somebody was let in to administrate, or was not. */
  LogIn: 97,
} as const

export type CommandName = keyof typeof commandCodes

const commandNames = new Map<number, CommandName>(
  Object.entries(commandCodes).map(([name, code]) => [code, name as CommandName]),
)

export const commandNameOf = (code: number): CommandName | undefined => commandNames.get(code)

/** Protocol operations: protocol in the high byte, the specification's number in the low one. */
export const operations = {
  internal: 0x0000,
  'nfs3.GETATTR': 0x0101,
  'nfs3.SETATTR': 0x0102,
  'nfs3.LOOKUP': 0x0103,
  'nfs3.ACCESS': 0x0104,
  'nfs3.READLINK': 0x0105,
  'nfs3.READ': 0x0106,
  'nfs3.WRITE': 0x0107,
  'nfs3.CREATE': 0x0108,
  'nfs3.MKDIR': 0x0109,
  'nfs3.SYMLINK': 0x010a,
  'nfs3.MKNOD': 0x010b,
  'nfs3.REMOVE': 0x010c,
  'nfs3.RMDIR': 0x010d,
  'nfs3.RENAME': 0x010e,
  'nfs3.LINK': 0x010f,
  'nfs3.READDIR': 0x0110,
  'nfs3.READDIRPLUS': 0x0111,
  'nfs3.FSSTAT': 0x0112,
  'nfs3.FSINFO': 0x0113,
  'nfs3.PATHCONF': 0x0114,
  'nfs3.COMMIT': 0x0115,
  'mount3.MNT': 0x0201,
  'mount3.UMNT': 0x0203,
  'mount3.UMNTALL': 0x0204,
  admin: 0x0300,
  'api.LOGIN': 0x0301,
} as const

export type OperationName = keyof typeof operations

const operationNames = new Map<number, OperationName>(
  Object.entries(operations).map(([name, code]) => [code, name as OperationName]),
)

export const operationNameOf = (code: number): OperationName | undefined => operationNames.get(code)
