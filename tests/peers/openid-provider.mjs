// A real OpenID provider (npm's oidc-provider) to log in at: `node openid-provider.mjs MODULE` listens on a port that the
// system chooses and prints its issuer. It describes itself only once it was told its client: POST /set, with JSON of
// `redirect_uri`, `alg` and, if an access token is not to last an hour, `seconds`. Each time it is told, it signs with new
// keys. POST /groups, with JSON of names and lists, says who is in which group from then on.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const { Provider } = await import(pathToFileURL(process.argv[2]));

const key = (kind, options) => {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' };
};

let groups = { zoe: ['crew'] };

// Whoever comes is who they say; jayne's address is not verified.
const findAccount = (_, id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    preferred_username: id,
    email: `${id}@ship.example`,
    email_verified: id !== 'jayne',
    groups: groups[id] ?? [],
  }),
});

let answer = (_, response) => response.writeHead(503).end();

const server = http.createServer(async (request, response) => {
  if (!['/set', '/groups'].includes(request.url)) return answer(request, response);
  let body = '';
  for await (const part of request) body += part;
  if (request.url === '/groups') {
    groups = JSON.parse(body);
    return response.writeHead(204).end();
  }
  const { redirect_uri, alg, seconds } = JSON.parse(body);
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'hub',
      client_secret: 'the-hubs-secret',
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: alg,
    }],
    jwks: { keys: [key('rsa', { modulusLength: 2048 }), key('ec', { namedCurve: 'P-256' })] },
    cookies: { keys: ['not-a-secret'] },
    claims: {
      openid: ['sub'],
      profile: ['preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    features: { revocation: { enabled: true } },
    ttl: { AccessToken: seconds ?? 3600 },
    rotateRefreshToken: true,
    findAccount,
  });
  answer = provider.callback();
  return response.writeHead(204).end();
});

let issuer;
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(`issuer ${issuer}`);
});
