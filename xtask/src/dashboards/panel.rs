//! Panels, in the words of Grafana's classic model, and where each lies.
use serde_json::{Map, Value, json};

/// Columns of a dashboard.
const COLUMNS: u64 = 24;

/// A panel without a place.
pub struct Panel {
    json: Value,
    width: u64,
    height: u64,
}

/// A query and what its lines are called.
pub type Query = (String, &'static str);

/// The data source that is chosen at the top.
pub fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// From which value on something is red.
#[derive(Clone, Copy)]
pub enum Bad {
    /// Nothing is.
    Never,
    /// This, and more.
    From(f64),
    /// Less than this.
    Below(f64),
}

impl Bad {
    fn thresholds(self) -> Value {
        let steps = match self {
            Self::Never => json!([{ "color": "text", "value": null }]),
            Self::From(least) => json!([{ "color": "green", "value": null }, { "color": "red", "value": least }]),
            Self::Below(least) => json!([{ "color": "red", "value": null }, { "color": "green", "value": least }]),
        };
        json!({ "mode": "absolute", "steps": steps })
    }
}

/// A row's heading.
pub fn row(title: &str) -> Panel {
    Panel {
        json: json!({ "type": "row", "title": title, "collapsed": false, "panels": [] }),
        width: COLUMNS,
        height: 1,
    }
}

/// One number.
pub fn stat(title: &str, description: &str, unit: &str, bad: Bad, expr: impl Into<String>) -> Panel {
    let options = json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "wideLayout": true,
        "showPercentChange": false,
        "percentChangeColorMode": "standard",
    });
    let field = json!({ "defaults": { "unit": unit, "thresholds": bad.thresholds() }, "overrides": [] });
    let targets = [target("A", &expr.into(), "", Shape::Instant)];
    panel("stat", title, description, &targets, &options, &field, 4, 4)
}

/// Lines over time.
pub fn lines(title: &str, description: &str, unit: &str, queries: &[Query]) -> Panel {
    graph(title, description, unit, queries, false)
}

/// The same, one upon the other, as bars.
pub fn bars(title: &str, description: &str, unit: &str, queries: &[Query]) -> Panel {
    graph(title, description, unit, queries, true)
}

fn graph(title: &str, description: &str, unit: &str, queries: &[Query], bars: bool) -> Panel {
    let stacking = if bars { "normal" } else { "none" };
    let custom = json!({
        "drawStyle": if bars { "bars" } else { "line" },
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": if bars { 80 } else { 10 },
        "showPoints": "auto",
        "spanNulls": false,
        "stacking": { "group": "A", "mode": stacking },
    });
    let options = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" },
    });
    let field = json!({ "defaults": { "unit": unit, "min": 0, "custom": custom }, "overrides": [] });
    let targets = targets(queries, Shape::Range);
    panel("timeseries", title, description, &targets, &options, &field, 12, 8)
}

/// Of each line, when it was 0 and when 1.
pub fn states(title: &str, description: &str, words: [&str; 2], query: Query) -> Panel {
    let options = json!({
        "mergeValues": true,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "single", "sort": "none" },
    });
    let [zero, one] = words;
    let mapping = json!({
        "type": "value",
        "options": {
            "0": { "index": 0, "text": zero, "color": "orange" },
            "1": { "index": 1, "text": one, "color": "green" },
        },
    });
    let field = json!({
        "defaults": { "custom": { "fillOpacity": 70, "lineWidth": 0 }, "mappings": [mapping], "thresholds": Bad::Never.thresholds() },
        "overrides": [],
    });
    let targets = targets(&[query], Shape::Range);
    panel("state-timeline", title, description, &targets, &options, &field, 12, 8)
}

/// A column of a table.
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// Its values' unit.
    pub unit: &'static str,
    /// Which are red.
    pub bad: Bad,
    /// Where they come from; all queries of a table have the same labels.
    pub expr: String,
}

impl Column {
    /// One.
    pub fn new(head: &'static str, unit: &'static str, bad: Bad, expr: String) -> Self {
        Self { head, unit, bad, expr }
    }
}

/// A table: a row for each combination of labels, a column for each label and each query, the worst of the first query on top.
pub fn table(
    title: &str,
    description: &str,
    labels: &[&'static str],
    columns: &[Column],
    link: Option<&Link>,
) -> Panel {
    let (mut targets, mut overrides) = (Vec::new(), Vec::new());
    let (mut names, mut order) = (Map::new(), Map::new());
    for (n, label) in labels.iter().enumerate() {
        order.insert((*label).into(), n.into());
    }
    for (n, column) in columns.iter().enumerate() {
        let reference = letter(n);
        targets.push(target(&reference, &column.expr, "", Shape::Table));
        // One query alone has no letter behind its name.
        let value = if columns.len() == 1 {
            "Value".to_string()
        } else {
            format!("Value #{reference}")
        };
        order.insert(value.clone(), (labels.len() + n).into());
        names.insert(value, column.head.into());
        overrides.push(json!({
            "matcher": { "id": "byName", "options": column.head },
            "properties": [
                { "id": "unit", "value": column.unit },
                { "id": "thresholds", "value": column.bad.thresholds() },
                { "id": "custom.cellOptions", "value": { "type": "color-text" } },
            ],
        }));
    }
    if let Some(link) = link {
        overrides.push(json!({
            "matcher": { "id": "byName", "options": link.column },
            "properties": [{ "id": "links", "value": [{ "title": link.title, "url": link.url, "targetBlank": false }] }],
        }));
    }
    let first = columns.first().map_or("", |c| c.head);
    let options = json!({ "showHeader": true, "frameIndex": 0, "cellHeight": "sm", "sortBy": [{ "displayName": first, "desc": true }] });
    let field = json!({ "defaults": { "custom": { "align": "auto", "filterable": true, "inspect": false } }, "overrides": overrides });
    let mut table = panel("table", title, description, &targets, &options, &field, COLUMNS, 10);
    if let Some(json) = table.json.as_object_mut() {
        let organize = json!({ "excludeByName": { "Time": true }, "indexByName": order, "renameByName": names });
        let steps = json!([{ "id": "merge", "options": {} }, { "id": "organize", "options": organize }]);
        json.insert("transformations".into(), steps);
    }
    table
}

/// Where a column's cells lead.
pub struct Link {
    /// The column.
    pub column: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Where it goes.
    pub url: &'static str,
}

impl Panel {
    /// So many columns of 24, and so high.
    pub fn sized(self, width: u64, height: u64) -> Self {
        Self { width, height, ..self }
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Instant,
    Range,
    Table,
}

fn targets(queries: &[Query], shape: Shape) -> Vec<Value> {
    let numbered = queries.iter().enumerate();
    numbered
        .map(|(n, (expr, legend))| target(&letter(n), expr, legend, shape))
        .collect()
}

fn target(reference: &str, expr: &str, legend: &str, shape: Shape) -> Value {
    let range = matches!(shape, Shape::Range);
    json!({
        "refId": reference,
        "datasource": datasource(),
        "editorMode": "code",
        "expr": expr.trim(),
        "format": if matches!(shape, Shape::Table) { "table" } else { "time_series" },
        "instant": !range,
        "range": range,
        "legendFormat": legend,
    })
}

/// A, B, C: no panel has more queries than there are letters.
fn letter(n: usize) -> String {
    let letter = u8::try_from(n).unwrap_or(u8::MAX).saturating_add(b'A');
    char::from(letter).to_string()
}

#[allow(clippy::too_many_arguments)]
fn panel(
    kind: &str,
    title: &str,
    description: &str,
    targets: &[Value],
    options: &Value,
    field: &Value,
    width: u64,
    height: u64,
) -> Panel {
    let json = json!({
        "type": kind,
        "title": title,
        "description": description,
        "datasource": datasource(),
        "targets": targets,
        "options": options,
        "fieldConfig": field,
    });
    Panel { json, width, height }
}

/// Puts them beside each other while there is room, and numbers them.
pub fn laid_out(panels: &[Panel]) -> Vec<Value> {
    let (mut x, mut y, mut height) = (0, 0, 0);
    let mut all = Vec::new();
    for (n, panel) in panels.iter().enumerate() {
        if x + panel.width > COLUMNS {
            (x, y, height) = (0, y + height, 0);
        }
        let mut json = panel.json.clone();
        if let Some(json) = json.as_object_mut() {
            json.insert("id".into(), (n + 1).into());
            let place = json!({ "x": x, "y": y, "w": panel.width, "h": panel.height });
            json.insert("gridPos".into(), place);
        }
        all.push(json);
        x += panel.width;
        height = height.max(panel.height);
    }
    all
}

/// Keys in one order, whatever the maps underneath do.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            Value::Object(keys.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        Value::Array(array) => Value::Array(array.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
