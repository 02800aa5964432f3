// An OpenID Provider for tests: oidc-provider on a loopback port, with clients, an API and users that are made up.
//
// Settings, all from the environment:
//
//   PORT                       to listen on; default: any free one
//   JWKS                       JWK Set of private RSA keys, the first of which signs; default: a new key
//   API                        resource whose access tokens are JWTs (RFC 9068)
//   OPAQUE_API                 resource whose access tokens are opaque
//   CLIENT_SECRET              of every client
//   REDIRECT_URIS              of the client "web", separated by spaces
//   POST_LOGOUT_REDIRECT_URIS  likewise
//   ACCESS_TOKEN_TTL           seconds; default: 3600
//   AT_HASH=1                  put at_hash into the ID tokens of the token endpoint too, where it is optional
//   INTROSPECT_JWT=1           let JWT access tokens be introspected and revoked, as opaque ones can be
//   EXIT_WITH_STDIN=1          end when standard input does, so that nothing outlives the tests
//
// It prints "listening on ISSUER" when it is ready.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parse } from 'node:querystring';
import { text } from 'node:stream/consumers';

import { errors, Provider } from 'oidc-provider';

import * as pages from './pages.mjs';

const {
  PORT = '0',
  JWKS,
  API = 'https://api.example.com/',
  OPAQUE_API = 'https://opaque.example.com/',
  CLIENT_SECRET = 'a-secret-for-tests-only-7YkQ2mVw',
  REDIRECT_URIS = 'http://127.0.0.1/callback',
  POST_LOGOUT_REDIRECT_URIS = '',
  ACCESS_TOKEN_TTL = '3600',
  AT_HASH,
  INTROSPECT_JWT,
  EXIT_WITH_STDIN,
} = process.env;

const words = (list) => list.split(' ').filter(Boolean);

function newKeys() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] };
}

const service = {
  client_secret: CLIENT_SECRET,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
};

const clients = [
  {
    ...service,
    client_id: 'service',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  {
    ...service,
    client_id: 'service-post',
    token_endpoint_auth_method: 'client_secret_post',
  },
  {
    client_id: 'web',
    client_name: 'Example Application',
    client_secret: CLIENT_SECRET,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: words(REDIRECT_URIS),
    post_logout_redirect_uris: words(POST_LOGOUT_REDIRECT_URIS),
    require_auth_time: true,
  },
  {
    // Gets its ID token from the authorization endpoint, where at_hash and c_hash are required. No server needs to be
    // there: https is what oidc-provider asks for.
    client_id: 'hybrid',
    client_name: 'Hybrid Application',
    client_secret: CLIENT_SECRET,
    grant_types: ['authorization_code', 'implicit'],
    response_types: ['code id_token token'],
    redirect_uris: ['https://hybrid.example.com/callback'],
  },
];

const apis = {
  [API]: { scope: 'api:read api:write', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
  [OPAQUE_API]: { scope: 'api:read api:write', accessTokenFormat: 'opaque' },
};

const hour = 60 * 60;

const configuration = {
  jwks: JWKS ? JSON.parse(JWKS) : newKeys(),
  clients,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  // Cookies know no ports: other names keep the application on the next port from overwriting ours.
  cookies: {
    keys: [randomBytes(32).toString('hex')],
    names: { session: 'op_session', interaction: 'op_interaction', resume: 'op_resume' },
  },
  responseTypes: ['code', 'code id_token token'],
  pkce: { required: () => true },
  acrValues: ['urn:example:password'],
  claims: {
    openid: ['sub', 'acr', 'amr'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: false,
  // An expired token is inactive from its first second.
  clockTolerance: 0,
  ttl: {
    AccessToken: Number(ACCESS_TOKEN_TTL),
    ClientCredentials: Number(ACCESS_TOKEN_TTL),
    AuthorizationCode: 60,
    IdToken: hour,
    RefreshToken: 24 * hour,
    Interaction: hour,
    Session: 24 * hour,
    Grant: 24 * hour,
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(ctx, resource) {
        if (!Object.hasOwn(apis, resource)) {
          throw new errors.InvalidTarget();
        }
        return apis[resource];
      },
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource(ctx, form) {
        pages.logout(ctx, { form, client: ctx.oidc.client?.clientName });
      },
      postLogoutSuccessSource: pages.loggedOut,
    },
  },
  async findAccount(ctx, id) {
    return {
      accountId: id,
      claims: () => ({
        sub: id,
        name: id,
        preferred_username: id,
        email: `${id}@example.com`,
        email_verified: true,
      }),
    };
  },
  renderError: pages.failure,
};

const denied = { error: 'access_denied', error_description: 'the user said no' };

// interactions serves the pages between the authorization request and its answer.
function interactions(provider) {
  return async (ctx, next) => {
    const step = ctx.path.match(/^\/interaction\/[\w-]+(?:\/(login|consent))?$/)?.[1];
    if (!ctx.path.startsWith('/interaction/')) {
      return next();
    }

    let interaction;
    try {
      interaction = await provider.interactionDetails(ctx.req, ctx.res);
    } catch (err) {
      ctx.status = 400;
      return pages.failure(ctx, { error: err.error ?? err.name, error_description: err.error_description ?? err.message });
    }
    const { prompt, params, session, uid } = interaction;

    if (ctx.method === 'GET') {
      const { clientId, clientName = clientId } = await provider.Client.find(params.client_id);
      const action = `/interaction/${uid}/${prompt.name}`;
      if (prompt.name === 'login') {
        return pages.login(ctx, { action, client: clientName, hint: params.login_hint });
      }
      return pages.consent(ctx, {
        action,
        client: clientName,
        user: session.accountId,
        scopes: prompt.details.missingOIDCScope ?? [],
        apis: Object.entries(prompt.details.missingResourceScopes ?? {}),
      });
    }

    // A form of the step before: its page is still open in another tab.
    if (ctx.method !== 'POST' || step !== prompt.name) {
      return ctx.redirect(`/interaction/${uid}`);
    }

    const form = parse(await text(ctx.req));
    let result;
    if (form.decision !== 'allow') {
      result = denied;
    } else if (prompt.name === 'login') {
      if (!form.username) {
        return ctx.redirect(`/interaction/${uid}`);
      }
      result = { login: { accountId: form.username, acr: 'urn:example:password', amr: ['pwd'] } };
    } else {
      result = { consent: { grantId: await allow(provider, interaction) } };
    }
    // It answers on the raw response.
    ctx.respond = false;
    return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: result !== denied });
  };
}

// allow grants all that is asked for and not granted yet.
async function allow(provider, { prompt: { details }, params, session, grantId }) {
  const grant = await (grantId
    ? provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id }));
  if (details.missingOIDCScope) {
    grant.addOIDCScope(details.missingOIDCScope.join(' '));
  }
  if (details.missingOIDCClaims) {
    grant.addOIDCClaims(details.missingOIDCClaims);
  }
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

// addAccessTokenHash gives the ID tokens of the token endpoint an at_hash. OpenID Connect Core §3.1.3.6 leaves it to the
// server, and oidc-provider leaves it out. What is set here is the access token; oidc-provider hashes it when it signs.
function addAccessTokenHash(provider) {
  const accessTokens = new WeakMap();
  const { save } = provider.AccessToken.prototype;
  provider.AccessToken.prototype.save = async function saveAndRemember() {
    const value = await save.call(this);
    accessTokens.set(this, value);
    return value;
  };
  const { issue } = provider.IdToken.prototype;
  provider.IdToken.prototype.issue = async function issueWithHash(options) {
    if (options.use === 'idtoken' && this.ctx.oidc.route === 'token') {
      this.set('at_hash', accessTokens.get(this.ctx.oidc.entities.AccessToken));
    }
    return issue.call(this, options);
  };
}

// introspectJWTs stores JWT access tokens under their jti, as opaque ones are, and takes them at the introspection and
// revocation endpoints. By itself oidc-provider stores no JWT and answers unsupported_token_type there.
function introspectJWTs(provider) {
  const ids = new Map(); // by the whole token: a jti alone proves nothing
  for (const Model of [provider.AccessToken, provider.ClientCredentials]) {
    const { save } = Model.prototype;
    Model.prototype.save = async function saveJWT() {
      const value = await save.call(this);
      if (value !== this.jti) {
        const { iat, exp } = JSON.parse(Buffer.from(value.split('.')[1], 'base64url'));
        const payload = Model.IN_PAYLOAD.filter((name) => this[name] !== undefined).map((name) => [name, this[name]]);
        await this.adapter.upsert(this.jti, { ...Object.fromEntries(payload), iat, exp }, exp - iat);
        ids.set(value, this.jti);
      }
      return value;
    };
  }
  const endpoints = ['introspection', 'revocation'].map((name) => provider.pathFor(name));
  provider.use(async (ctx, next) => {
    if (ctx.method === 'POST' && endpoints.includes(ctx.path)) {
      const form = parse(await text(ctx.req));
      ctx.req.body = { ...form, token: ids.get(form.token) ?? form.token };
    }
    return next();
  });
}

function start(issuer) {
  const provider = new Provider(issuer, configuration);
  for (const event of ['authorization.error', 'grant.error', 'introspection.error', 'revocation.error', 'end_session.error', 'server_error']) {
    provider.on(event, (ctx, err) => console.error('%s: %s', event, err.error_detail ?? err.error_description ?? err.stack));
  }
  provider.use(interactions(provider));
  if (AT_HASH) {
    addAccessTokenHash(provider);
  }
  if (INTROSPECT_JWT) {
    introspectJWTs(provider);
  }
  return provider.callback();
}

// The port is taken first: the issuer's name holds it.
const server = createServer();
server.listen(Number(PORT), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', start(issuer));
  console.log('listening on %s', issuer);
});

if (EXIT_WITH_STDIN) {
  process.stdin.resume().on('end', () => process.exit());
}
