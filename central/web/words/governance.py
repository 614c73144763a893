"""What the pages of privacy officer and administrator say."""

from __future__ import annotations

from typing import Final

GOVERNANCE: Final[dict[str, tuple[str, str]]] = {
    # audit log
    "only_case": ("Only this case", "이 사례만"),
    "show": ("Show", "보기"),
    "show_all": ("Show all", "전체 보기"),
    "who": ("Who", "누가"),
    "act": ("Act", "행위"),
    "detail": ("Detail", "내용"),
    "proof": ("Proof", "증명"),
    "erased_words": ("erased", "삭제됨"),
    "no_entries": ("There are no entries.", "기록이 없습니다."),
    "newest": ("Newest", "최신"),
    "acts_note": (
        "Acts are named as programs name them. A proof is a file that anybody checks with cairn-central audit verify.",
        "행위 이름은 프로그램의 영어 그대로입니다. 증명 파일은 누구나 cairn-central audit verify로 확인할 수 있습니다.",
    ),
    # whole log
    "log_check": ("Recount", "전체 확인"),
    "log_check_what": (
        "Counts every entry again and compares it with what was signed. A long log takes a while.",
        "모든 기록을 다시 계산해 서명된 값과 비교합니다. 기록이 많으면 시간이 걸립니다.",
    ),
    "log_check_now": ("Recount now", "지금 확인"),
    "log_counting": ("Counting.", "확인 중입니다."),
    "log_counted_at": ("Last recount: {when}", "마지막 확인: {when}"),
    "log_not_counted": (
        "The recount failed. Look into the service's log.",
        "확인하지 못했습니다. 서비스 로그를 확인하세요.",
    ),
    "log_whole": (
        "Nobody edited the log: {n} entries are as they were; the words of {erased} were erased as they must be.",
        "기록이 변경되지 않았습니다: {n}건 모두 서명 당시와 같으며, {erased}건의 내용은 규정대로 삭제되었습니다.",
    ),
    "log_broken": ("Entry {n} is not as it was.", "{n}번 기록이 원래와 다릅니다."),
    "log_broken_do": (
        "Stop the centre, keep its database as it is, and tell the supervisory authority.",
        "센터를 멈추고 데이터베이스를 그대로 보존한 뒤 감독 기관에 알리세요.",
    ),
    "log_elsewhere": ("Who else has it", "외부 보관"),
    "witness": ("Witness", "증인"),
    "entries": ("Entries", "기록 수"),
    "cosigned": ("Last signed", "마지막 서명"),
    "agrees": ("agrees", "일치"),
    "log_nowhere": (
        "Nobody outside holds this log: an operator could rewrite it. An administrator sets up a witness.",
        "외부에 보관된 사본이 없어 운영자가 고쳐 쓸 수 있습니다. 관리자가 증인을 설정해야 합니다.",
    ),
    "checkpoint": ("Newest signed checkpoint", "최근 서명된 체크포인트"),
    "log_key": ("Key of the log", "기록의 공개 키"),
    # canaries
    "canary_what": (
        "Each day a sealed canary is kept. While the day is live it opens; after an authority destroyed the day's "
        "secret it must not, whatever is tried. That is the evidence of destruction.",
        "날마다 봉인된 시험 자료를 하나씩 보관합니다. 기간 안에는 열리지만, 기관이 그날의 비밀을 파기한 뒤에는 "
        "무엇을 해도 열리지 않아야 합니다. 이것이 파기의 증거입니다.",
    ),
    "canary_try": ("Try to open all of them", "모두 열어 보기"),
    "day": ("Day (UTC)", "날짜 (UTC)"),
    "tried_at": ("Tried", "시험"),
    "opened_q": ("Opens?", "열림?"),
    "opens": ("opens", "열림"),
    "opens_not": ("does not open", "열리지 않음"),
    "destroyed_by": ("Destroyed by", "파기한 기관"),
    "as_it_must": ("As it must be", "정상"),
    "no_canaries": ("No canary has been sealed yet.", "아직 봉인된 시험 자료가 없습니다."),
    # retention
    "class": ("What", "종류"),
    "kept_for": ("Kept for", "보존 기간"),
    "days": ("{n} days", "{n}일"),
    "class_batches": ("Sealed batches, after their hour", "봉인된 묶음 (해당 시각부터)"),
    "class_refused_batches": ("Refused batches, after they came", "거부된 묶음 (수신 시각부터)"),
    "class_routes": ("Routes and contacts, after they were found", "동선과 접촉자 (검색 시각부터)"),
    "class_cases": ("Cases, after their end; by legal basis:", "사례 (종료부터), 법적 근거별:"),
    "class_audit": ("Words of the audit log", "감사 기록의 내용"),
    "going": ("Goes by this time tomorrow", "내일 이 시각까지 삭제될 것"),
    "nothing_goes": ("Nothing.", "없음."),
    "due_EXPIRES": ("cases that expire", "기한이 끝나는 사례"),
    "due_ROUTE": ("routes", "동선"),
    "due_CASE": ("cases", "사례"),
    "due_RECEIPTS": ("receipts of consent", "동의 기록"),
    "due_BATCHES": ("sealed batches", "봉인된 묶음"),
    "due_REFUSED": ("refused batches", "거부된 묶음"),
    "due_CASE_AUDIT": ("cases whose words in the log go", "기록에서 내용이 지워지는 사례"),
    "due_AUDIT": ("entries of the log whose words go", "내용이 지워지는 기록"),
    "retention_note": (
        "The centre does this every hour by itself; each act stands in the audit log. The keys of a day are destroyed "
        "by the authorities: see Canaries.",
        "센터가 매시간 자동으로 처리하며 모두 감사 기록에 남습니다. 하루치 열쇠는 각 기관이 "
        "파기합니다: 파기 증거 참조.",
    ),
    # transparency
    "first_day": ("First day (UTC)", "첫날 (UTC)"),
    "day_after": ("Day after the last (UTC)", "마지막 다음 날 (UTC)"),
    "make_report": ("Make the report", "보고서 만들기"),
    "report_note": (
        "One page without names and small counts, to be saved and published. Whole weeks up to a year.",
        "이름과 작은 수가 없는 한 장짜리 공개용 보고서입니다. 한 주부터 일 년까지.",
    ),
    # withdrawal
    "withdrawal_what": (
        "When a patient withdraws with you and not with their tracer. You need the number of the case, which stands on "
        "the patient's copy.",
        "환자가 역학조사관이 아닌 보호책임자에게 철회를 요청한 경우입니다. 환자용 사본에 적힌 사례 번호가 필요합니다.",
    ),
    "withdrawal_done": (
        "The consent of case {case} is withdrawn; its tracer sees it at once.",
        "사례 {case}의 동의가 철회되었습니다. 담당 역학조사관에게 바로 표시됩니다.",
    ),
    "go_on": ("Go on", "계속"),
    # accounts
    "active": ("active", "사용 중"),
    "inactive": ("deactivated", "사용 중지"),
    "account_over": ("over", "만료"),
    "earlier_names": ("Names before", "이전"),
    "later_names": ("Names after", "다음"),
    "accounts_how": (
        "Accounts are kept on the centre's own machine: cairn-central account --help.",
        "계정은 센터 서버에서 관리합니다: cairn-central account --help.",
    ),
}
