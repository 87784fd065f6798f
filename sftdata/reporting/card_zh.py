"""The data card in Chinese: what Chinese users and their auditors ask for, from the same counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sftdata.report import AuditReport, CheckResult
from sftdata.reporting.card_counts import SPLITS, CardInputs, Tally, line, sums, table

__all__ = ["dataset_card_zh"]

KINDS: Mapping[str, str] = {
    "extraction": "结构化抽取",
    "writing": "结构化写作",
    "evidence": "带证据的回答",
    "refusal": "拒答（上下文无法回答）",
}
_SPLITS: Mapping[str, str] = {
    "train": "训练集",
    "validation": "验证集",
    "test": "测试集",
    "test_ood": "分布外测试集",
}
_ORIGINS: Mapping[str, str] = {"source": "原文", "rendered": "生成"}
_LANGUAGES: Mapping[str, str] = {"en": "英文", "zh": "中文"}
_DOMAINS: Mapping[str, str] = {"finance": "金融", "medical": "医疗", "medicine": "医疗"}
_VERDICTS: Mapping[str, str] = {
    "clean": "通过",
    "warnings": "有警告，无阻断项",
    "blocked": "阻断，不应用于训练",
}
_STATUS: Mapping[str, str] = {
    "passed": "通过",
    "warned": "警告",
    "failed": "不通过",
    "not_verified": "未验证",
}
_IDENTIFIERS: Mapping[str, str] = {
    "email": "电子邮箱",
    "phone": "电话号码",
    "ssn": "美国社会安全号",
    "id_card": "居民身份证号",
    "mobile": "手机号码",
    "record_number": "病案号、就诊号等记录号",
}
_LIMITS: Mapping[str, str] = {
    "金融": "财务、投资、税务或会计建议",
    "医疗": "医疗建议：不得用于诊断、分诊或治疗",
}
_REASONS: Mapping[str, str] = {
    "exact_duplicate": "完全重复",
    "near_duplicate": "近似重复",
    "template_cap": "同一句式过多",
    "twin_dropped": "配对样本已剔除",
    "missing_key": "缺少分组标识",
    "over_length": "超过长度上限",
}
_CHECKS: Mapping[str, str] = {
    "answer_schema": "答案符合其模式",
    "answers_in_train": "答案未在训练集中出现",
    "conflicting_targets": "同一输入只有一个答案",
    "contamination": "未混入公开评测集",
    "document_overlap": "文档不跨集合",
    "evidence": "证据可回读",
    "exact_duplicates": "无重复样本",
    "group_names": "同一组名称一致",
    "group_overlap": "分组（公司、患者）不跨集合",
    "label_mix": "各集合分布相近",
    "length": "长度在界限内",
    "missing_groups": "分组标识齐全",
    "near_contexts": "段落不跨集合",
    "near_samples": "无近似重复样本",
    "near_tasks": "问答不跨集合",
    "refusal_proof": "拒答均有证明",
    "refusal_ratio": "拒答比例适当",
    "refusal_twins": "拒答有配对样本",
    "residual_phi": "无残留个人标识",
    "sample_checks": "样本通过自身检查",
    "shared_facts": "事实不跨集合",
    "shortcuts": "无标签捷径",
    "template_bos": "起始标记不重复",
    "template_default": "模板不自加系统提示",
    "template_prefix": "提示是全文的前缀",
    "template_special_text": "文档中无控制标记",
    "template_stop": "停止标记参与训练",
    "template_system_role": "保留系统消息",
    "template_thinking": "思考段原样写出",
    "template_time": "模板不依赖时间",
    "template_turns": "每段对话均可渲染",
    "template_whitespace": "答案原样写出",
    "templates": "问题模板已说明",
    "temporal_order": "训练早于测试",
    "token_labels": "词元标签正确",
    "trained_rows": "所训练的行完整",
    "truncation": "无截断",
    "unique_ids": "样本编号唯一",
    "versions": "同一文档的各版本同在一处",
}
"""Titles of the checks; one that is not here, such as a plug-in's, keeps its own."""


def dataset_card_zh(inputs: CardInputs) -> str:
    """Write the Chinese data card: sources, processing, personal data, splits, audit, limits.

    It states what was counted and what the audit found; what only the data's owner can know
    (consent, impact assessment) is named as open, never as done.
    """
    tally, audit = Tally(inputs), inputs.audit
    documents = sum(count.rows for count in inputs.documents)
    text = (
        _environment()
        .get_template("card_zh.md.j2")
        .render(
            inputs=inputs,
            tally=tally,
            audit=audit,
            documents=documents,
            contents=_contents(tally),
            origins=_origins(tally),
            sources=_sources(inputs),
            families=_families(tally),
            removed=_removed(inputs),
            privacy=_privacy(tally, audit),
            splits=_splits(tally),
            checks=_checks(audit) if audit else "",
            verdicts=_VERDICTS,
            limits=_limits(tally),
            gaps=_gaps(tally),
            by_rule=set(tally.names("text_origin")) <= set(_ORIGINS),
        )
    )
    return _squeezed(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        autoescape=False,  # noqa: S701  (Markdown; every name passes through `line`)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = line
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["language"] = lambda code: _LANGUAGES.get(code, line(code))
    return environment


def _squeezed(text: str) -> str:
    """Leave at most one empty line between blocks."""
    lines: list[str] = []
    for row in text.split("\n"):
        if row.strip() or (lines and lines[-1].strip()):
            lines.append(row.rstrip())
    return "\n".join(lines).strip() + "\n"


def _named(names: Mapping[str, str], key: str) -> str:
    return names.get(key, key)


def _contents(tally: Tally) -> str:
    cells, locales = tally.by("kind", "split", "locale"), tally.names("locale")
    columns = [(split, locale) for split in tally.splits for locale in locales]
    head = [f"{_named(_SPLITS, s)} {_named(_LANGUAGES, loc)}" for s, loc in columns]
    rows = [
        [_named(KINDS, kind), *(f"{cells.get((kind, *c), 0):,}" for c in columns)]
        for kind in tally.kinds
    ]
    totals = tally.by("split", "locale")
    rows.append(["合计", *(f"{totals.get(column, 0):,}" for column in columns)])
    return table(["任务类型", *head], rows)


def _origins(tally: Tally) -> str:
    rows = [
        [_named(_ORIGINS, name), f"{n:,}", f"{n / tally.rows:.1%}"]
        for (name,), n in tally.by("text_origin").items()
    ]
    return table(["文本来源", "样本数", "占比"], rows)


def _sources(inputs: CardInputs) -> str:
    rows = [
        [reader, _named(_DOMAINS, domain), _named(_LANGUAGES, locale), f"{n:,}"]
        for (reader, domain, locale), n in sums(inputs.documents, [0, 1, 2]).items()
    ]
    return table(["读取器", "领域", "语言", "文档数"], rows) if rows else ""


def _families(tally: Tally) -> str:
    rows = [
        [family, _named(KINDS, kind), f"{n:,}"]
        for (family, kind), n in tally.by("family", "kind").items()
    ]
    return table(["任务族", "类型", "样本数"], rows)


def _removed(inputs: CardInputs) -> str:
    rows = [
        [f"{_REASONS[reason]}（{reason}）" if reason in _REASONS else reason, f"{n:,}"]
        for reason, n in sorted(inputs.removed.items())
    ]
    return table(["原因", "条数"], rows) if rows else ""


def _privacy(tally: Tally, audit: AuditReport | None) -> str:
    """Tell what the audit's scan has found; never that data are anonymous."""
    check = _check(audit, "residual_phi")
    rules = "、".join(_IDENTIFIERS.values())
    if check is None or check.status == "not_verified":
        return "未对残留个人标识进行扫描，去标识化状态未验证。"
    text = (
        "源文件是否经过去标识化，由数据提供方说明；本数据集的状态以对全部提示与答案的残留扫描"
        f"为准（规则：{rules}，含校验码核对）。"
    )
    if "medical" not in tally.names("domain") and "medicine" not in tally.names("domain"):
        text += "非医疗文档只计有校验码或提示词佐证的标识，公司公开的联系方式不计。"
    hits = check.metrics.get("hits")
    found = {k: n for k, n in hits.items() if n} if isinstance(hits, dict) else {}
    if not check.count and not found:
        return f"{text}\n\n扫描结果：未发现。规则扫描不能证明不存在个人信息，发布前仍须人工抽查。"
    rows = [[_named(_IDENTIFIERS, str(k)), f"{n:,}"] for k, n in sorted(found.items())]
    warning = f"扫描结果：**{check.count:,} 条样本含疑似个人标识**，应处理源文件后重新构建。"
    return f"{text}\n\n{warning}\n\n{table(['类别', '命中次数'], rows)}"


def _check(audit: AuditReport | None, name: str) -> CheckResult | None:
    return next((c for c in audit.checks if c.name == name), None) if audit else None


def _splits(tally: Tally) -> str:
    inputs, documents = tally.inputs, sums(tally.inputs.documents, [3])
    rows = [
        [
            _named(_SPLITS, split),
            f"{tally.by('split')[split,]:,}",
            f"{documents[split,]:,}" if (split,) in documents else "",
            f"{inputs.groups[split]:,}" if split in inputs.groups else "",
        ]
        for split in tally.splits
    ]
    return table(["集合", "样本数", "文档数", "分组数"], rows)


def _checks(audit: AuditReport) -> str:
    rows = [
        [_named(_CHECKS, c.name) if c.name in _CHECKS else c.title, _STATUS[c.status], _found(c)]
        for c in audit.checks
    ]
    return table(["检查项", "结果", "涉及样本"], rows)


def _found(check: CheckResult) -> str:
    return "—" if check.status == "not_verified" else f"{check.count:,}"


def _limits(tally: Tally) -> list[str]:
    domains = {_named(_DOMAINS, name) for name in tally.names("domain")}
    return [text for domain, text in _LIMITS.items() if domain in domains] or ["专业建议"]


def _gaps(tally: Tally) -> list[str]:
    inputs = tally.inputs
    gaps = [line(gap) for gap in inputs.known_gaps]
    cells = tally.by("kind", "split", "locale")
    for kind in tally.kinds:
        for split in tally.splits:
            missing = [
                _named(_LANGUAGES, loc)
                for loc in tally.names("locale")
                if (kind, split, loc) not in cells
            ]
            if missing:
                words = f"{line(_named(_SPLITS, split))}没有{'、'.join(map(line, missing))}的"
                gaps.append(f"{words}「{line(_named(KINDS, kind))}」样本")
    gaps += [f"没有{_SPLITS[split]}" for split in SPLITS if split not in tally.splits]
    if inputs.lengths is not None and inputs.lengths.estimated:
        gaps.append("词元数为估计值：未配置分词器")
    if inputs.audit is not None:
        open_ones = [c for c in inputs.audit.checks if c.status == "not_verified"]
        gaps += [f"未验证：{line(_CHECKS.get(c.name, c.title))}" for c in open_ones]
    return gaps
