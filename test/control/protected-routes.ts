/** All that need a token. */
export const protectedRoutes = [
  ['GET', '/v1/status'],
  ['GET', '/v1/openapi.json'],
  ['GET', '/v1/digest'],
  ['POST', '/v1/collection'],
  ['GET', '/v1/clients'],
  ['GET', '/v1/shares'],
  ['POST', '/v1/shares'],
  ['GET', '/v1/shares/x'],
  ['PATCH', '/v1/shares/x'],
  ['DELETE', '/v1/shares/x'],
  ['GET', '/v1/users'],
  ['POST', '/v1/users'],
  ['DELETE', '/v1/users/x'],
  ['GET', '/v1/groups'],
  ['POST', '/v1/groups'],
  ['DELETE', '/v1/groups/x'],
] as const satisfies readonly (readonly [method: string, path: string])[]
