//! docs/recipes/redis.md.
use e2e::case;
use e2e::recipe::Server;
use e2e::runs::status;
use serde_json::json;

use crate::net::Net;

const IMAGE: &str = "redis:7";

#[test]
fn redis_with_a_password_comes_back_and_every_fault_of_its_dump_fails_the_run() {
    case("redis-recipe", |case| async move {
        let server = Server {
            name: "redis",
            image: IMAGE,
            args: &["redis-server", "--requirepass", "secret", "--save", ""],
            env: json!([{"name": "REDISCLI_AUTH", "value": "secret"}]),
            port: 6379,
            ping: "[ $(redis-cli ping) = PONG ]",
            pod: json!(null),
        };
        case.serve(&server).await;
        let recipe = Net::of(&case, "redis.yaml", IMAGE);
        case.secret("redis-credentials", json!({"password": "secret"})).await;
        // A snapshot of no keys is a snapshot: it has the server's version in it.
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert!((50..400).contains(&empty), "{empty}");

        let fill = "for i = 1, 20000 do redis.call('set', 'k' .. i, redis.sha1hex(i)) end; redis.call('zadd', 'z', 1.5, 'a', 2, 'b')";
        case.exec("redis", &["redis-cli", "eval", fill, "0"]).await;
        let sum = "redis-cli eval \"local all = redis.call('keys', '*'); table.sort(all); local sum = ''; for _, k in ipairs(all) do \
                   sum = redis.sha1hex(sum .. k .. redis.call('dump', k)) end; return #all .. ' ' .. sum\" 0";
        let run = recipe.there_and_back("redis", sum, "redis-cli flushall").await;

        let half = status(&run).bytes.unwrap() / 2;
        recipe
            .fails_when_cut(
                "redis",
                "redis",
                6379,
                half,
                "I/O Error reading RDB payload from socket",
            )
            .await;
        case.secret("redis-credentials", json!({"password": "wrong"})).await;
        recipe.fails("password", "WRONGPASS").await;
    });
}
