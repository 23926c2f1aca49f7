-- Three tables with 220,000 rows, of types and characters that a careless dump spoils. Works in MariaDB and MySQL.
SET NAMES utf8mb4;
DROP TABLE IF EXISTS items, orders, customers, digits;
CREATE TABLE digits (d INT PRIMARY KEY);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);

CREATE TABLE customers (
  id INT PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(80) NOT NULL, note TEXT NULL, token VARBINARY(32) NOT NULL, UNIQUE (email)
) CHARACTER SET utf8mb4;
INSERT INTO customers
SELECT n, CONCAT('Zoë O''Neill ', n, ' ☂'), CONCAT('customer', n, '@example.com'), IF(n % 7 = 0, NULL, CONCAT('line 1\nline 2\\', n, '\t"quoted"')), UNHEX(SHA2(n, 256))
FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n FROM digits a, digits b, digits c, digits e, digits f WHERE f.d < 4) numbers;

CREATE TABLE orders (
  id INT PRIMARY KEY, customer INT NOT NULL, amount DECIMAL(12, 2) NOT NULL, created DATETIME NOT NULL, state ENUM('new', 'paid', 'sent') NOT NULL, INDEX (customer)
) CHARACTER SET utf8mb4;
INSERT INTO orders
SELECT n, n % 40000, (n * 7919 % 1000000) / 100, DATE_ADD('2026-01-01', INTERVAL n MINUTE), ELT(1 + n % 3, 'new', 'paid', 'sent')
FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n FROM digits a, digits b, digits c, digits e, digits f) numbers;

CREATE TABLE items (
  order_id INT NOT NULL, position INT NOT NULL, article VARCHAR(60) NOT NULL, amount INT NOT NULL, PRIMARY KEY (order_id, position)
) CHARACTER SET utf8mb4;
INSERT INTO items
SELECT n, 1 + p.d, CONCAT('article ', SHA1(n + p.d)), 1 + n % 9
FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM digits a, digits b, digits c, digits e) numbers, digits p WHERE p.d < 8;
DROP TABLE digits;
